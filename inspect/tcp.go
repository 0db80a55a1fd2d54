package inspect

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// TCP can be reached by all users of the machine and by every page that a browser on it shows.
// So clients need a token; requests to names that are not the server's own are refused, for such a name may have been
// made to lead here (DNS rebinding); and so are requests on behalf of other sites.

// listenTCP listens at o.TCP and returns the URL of the console.
func listenTCP(o Options) (net.Listener, string, error) {
	for _, h := range o.Hosts {
		if _, _, err := net.SplitHostPort(h); err == nil || h == "" || strings.ContainsAny(h, "/ ") {
			return nil, "", fmt.Errorf("inspect: Options.Hosts has %q; it must be a name or an IP address without a port", h)
		}
	}
	host, _, err := net.SplitHostPort(o.TCP)
	if err != nil {
		return nil, "", fmt.Errorf("inspect: Options.TCP is %q; it must be an address with a port, such as 127.0.0.1:8081", o.TCP)
	}
	ip := net.ParseIP(host)
	loopback := host == "localhost" || ip != nil && ip.IsLoopback()
	if !loopback && len(o.Hosts) == 0 {
		return nil, "", fmt.Errorf("inspect: Options.TCP is %q, which other machines can reach; if that is meant, name the hosts that clients will ask for in Options.Hosts", o.TCP)
	}
	ln, err := net.Listen("tcp", o.TCP)
	if err != nil {
		return nil, "", fmt.Errorf("inspect: listen at Options.TCP: %w", err)
	}
	at, ok := ln.Addr().(*net.TCPAddr)
	if !ok || loopback && !at.IP.IsLoopback() {
		_ = ln.Close()
		return nil, "", fmt.Errorf("inspect: %q leads to %v, which is no loopback address", o.TCP, ln.Addr())
	}
	addr := at.String()
	if !loopback {
		_, port, _ := net.SplitHostPort(addr)
		addr = net.JoinHostPort(hostName(o.Hosts[0]), port)
	}
	return ln, "http://" + addr + prefix, nil
}

// guard lets through what comes to at, which is where the server listens, or to one of the hosts, from no other site and, for data, with the token.
func guard(a *api, token string, at net.Addr, hosts []string) http.Handler {
	next := a.handler()
	names := []string{"127.0.0.1", "::1", "localhost"}
	if tcp, ok := at.(*net.TCPAddr); ok && tcp.IP.IsLoopback() { // as there are others
		names = append(names, tcp.IP.String())
	}
	for _, h := range hosts {
		names = append(names, hostName(h))
	}
	sum := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bound(w, r)
		data := strings.HasPrefix(r.URL.Path, prefix+"v1/")
		switch {
		case !slices.Contains(names, hostName(r.Host)):
			a.fail(w, r, problemf(http.StatusForbidden, "this server is not called %q; Options.Hosts of the program says what else it may be called than 127.0.0.1, [::1] and localhost", r.Host))
		case foreignOrigin(r, data):
			a.fail(w, r, problemf(http.StatusForbidden, "a page of another site must not ask this server"))
		case data && !authorized(r, sum):
			a.fail(w, r, problemf(http.StatusUnauthorized, "the header Authorization: Bearer TOKEN is missing or wrong; the token is in the URL that the program has printed, behind #token=, and in the .token file in its runtime directory"))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// hostName returns host without its port and brackets, in lower case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// foreignOrigin says whether a browser asks on behalf of another site. A link from there to the console is all right.
func foreignOrigin(r *http.Request, data bool) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || !strings.EqualFold(u.Host, r.Host) {
			return true
		}
	}
	site := cmp.Or(r.Header.Get("Sec-Fetch-Site"), "none")
	return data && site != "same-origin" && site != "none"
}

func authorized(r *http.Request, sum [sha256.Size]byte) bool {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return strings.EqualFold(kind, "Bearer") && subtle.ConstantTimeCompare(got[:], sum[:]) == 1
}
