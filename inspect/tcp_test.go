package inspect_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/inspect"
)

// Over TCP data is for those who have the token, ask for the server by a name of its own, and are no page of another site.
func TestTCP_guard(t *testing.T) {
	braidtest.CheckLeaks(t)
	dir := shortDir(t)
	in := start(t, inspect.Options{Dir: dir, TCP: "127.0.0.1:0", Hosts: []string{"shop.internal"}, Write: true, Logger: slog.New(slog.DiscardHandler)}, inspect.Fake{Cancel: func(uint64, error) bool { return true }})
	u, err := url.Parse(in.URL())
	must(t, err)
	token := strings.TrimPrefix(u.Fragment, "token=")
	if len(token) != 32 || u.Path != "/debug/tasks/" {
		t.Fatalf("URL %s", in.URL())
	}
	saved, err := os.ReadFile(strings.TrimSuffix(in.Socket(), ".sock") + ".token")
	if err != nil || strings.TrimSpace(string(saved)) != token {
		t.Errorf("the token's file: %q, %v", saved, err)
	}
	client := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	send := func(method, path string, header map[string]string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(background, method, "http://"+u.Host+path, nil)
		must(t, err)
		for k, v := range header {
			if k == "Host" {
				r.Host = v
			} else {
				r.Header.Set(k, v)
			}
		}
		resp, err := client.Do(r)
		must(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		if resp.Header.Get("Access-Control-Allow-Origin") != "" || len(resp.Cookies()) > 0 {
			t.Errorf("%v: headers %v", header, resp.Header)
		}
		if resp.StatusCode == 401 && resp.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%v: headers %v", header, resp.Header)
		}
		if strings.Contains(string(body), token) {
			t.Errorf("%v: the token is in the answer", header)
		}
		return resp.StatusCode, string(body)
	}
	bearer := "Bearer " + token
	_, port, _ := strings.Cut(u.Host, ":")
	for _, c := range []struct {
		name   string
		header map[string]string
		data   int // status of data, and
		page   int // of the console
	}{
		{"token", map[string]string{"Authorization": bearer}, 200, 200},
		{"small letters", map[string]string{"Authorization": "bearer " + token}, 200, 200},
		{"no token", nil, 401, 200},
		{"wrong token", map[string]string{"Authorization": "Bearer " + strings.Repeat("0", 32)}, 401, 200},
		{"part of the token", map[string]string{"Authorization": bearer[:len(bearer)-1]}, 401, 200},
		{"more than the token", map[string]string{"Authorization": bearer + "0"}, 401, 200},
		{"no word before it", map[string]string{"Authorization": token}, 401, 200},
		{"basic", map[string]string{"Authorization": "Basic " + token}, 401, 200},
		{"empty", map[string]string{"Authorization": "Bearer "}, 401, 200},
		{"cookie", map[string]string{"Cookie": "token=" + token}, 401, 200},
		{"localhost", map[string]string{"Authorization": bearer, "Host": "localhost:" + port}, 200, 200},
		{"LOCALHOST", map[string]string{"Authorization": bearer, "Host": "LOCALHOST"}, 200, 200},
		{"IPv6", map[string]string{"Authorization": bearer, "Host": "[::1]:" + port}, 200, 200},
		{"named", map[string]string{"Authorization": bearer, "Host": "shop.internal:" + port}, 200, 200},
		{"rebound", map[string]string{"Authorization": bearer, "Host": "evil.example:" + port}, 403, 403},
		{"localhost6", map[string]string{"Authorization": bearer, "Host": "localhost6"}, 403, 403},
		{"below localhost", map[string]string{"Authorization": bearer, "Host": "localhost.evil.example"}, 403, 403},
		{"another loopback", map[string]string{"Authorization": bearer, "Host": "127.0.0.2"}, 403, 403},
		{"own origin", map[string]string{"Authorization": bearer, "Origin": "http://" + u.Host}, 200, 200},
		{"foreign origin", map[string]string{"Authorization": bearer, "Origin": "http://evil.example"}, 403, 403},
		{"other port", map[string]string{"Authorization": bearer, "Origin": "http://127.0.0.1:1"}, 403, 403},
		{"null origin", map[string]string{"Authorization": bearer, "Origin": "null"}, 403, 403},
		{"same site", map[string]string{"Authorization": bearer, "Sec-Fetch-Site": "same-origin"}, 200, 200},
		{"typed in", map[string]string{"Authorization": bearer, "Sec-Fetch-Site": "none"}, 200, 200},
		{"a link", map[string]string{"Authorization": bearer, "Sec-Fetch-Site": "cross-site"}, 403, 200},
		{"another port's page", map[string]string{"Authorization": bearer, "Sec-Fetch-Site": "same-site"}, 403, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, body := send("GET", "/debug/tasks/v1/info", c.header); got != c.data {
				t.Errorf("data: %d, want %d: %s", got, c.data, body)
			}
			if got, body := send("GET", "/debug/tasks/", c.header); got != c.page {
				t.Errorf("the console: %d, want %d: %s", got, c.page, body)
			}
			if got, _ := send("POST", "/debug/tasks/v1/tasks/4/cancel", c.header); got != c.data {
				t.Errorf("cancel: %d, want %d", got, c.data)
			}
		})
	}
	for _, path := range []string{"/debug/tasks/v1/info?token=" + token, "/debug/tasks/v1/info?access_token=" + token} {
		if got, _ := send("GET", path, nil); got != 401 {
			t.Errorf("%.40s: %d", path, got)
		}
	}
	// There is no way around the prefix.
	for _, path := range []string{"//debug/tasks/v1/info", "/debug/tasks/x/../v1/info", "/debug//tasks/v1/info", "/debug/tasks/./v1/info", "/debug/tasks/%76%31/info", "/debug/tasks/v1%2finfo"} {
		if got, body := send("GET", path, nil); got == 200 && strings.Contains(body, "process") {
			t.Errorf("%s: %d %.100s", path, got, body)
		}
	}
	if got, _ := send("OPTIONS", "/debug/tasks/v1/info", map[string]string{"Origin": "http://evil.example", "Access-Control-Request-Headers": "authorization"}); got != 403 {
		t.Errorf("a preflight: %d", got)
	}
}

// The URL leads there, however the address and the hosts are written.
func TestTCP_names(t *testing.T) {
	for _, c := range []struct {
		tcp   string
		hosts []string
		host  string // of the request; "" for that of the URL
	}{
		{"127.0.0.2:0", nil, ""},
		{"127.0.0.1:0", []string{"Shop.Internal"}, "shop.internal"},
		{"127.0.0.1:0", []string{"Shop.Internal"}, "Shop.Internal:80"},
		{":0", []string{"[::1]"}, ""},
		{":0", []string{"LocalHost"}, ""},
	} {
		if strings.HasPrefix(c.tcp, "127.0.0.2:") && runtime.GOOS != "linux" {
			continue // elsewhere there may be only one such address
		}
		in := start(t, inspect.Options{TCP: c.tcp, Hosts: c.hosts}, inspect.Fake{})
		at, token, _ := strings.Cut(in.URL(), "#token=")
		r, err := http.NewRequestWithContext(background, http.MethodGet, at+"v1/info", nil)
		must(t, err)
		if c.host != "" {
			r.Host = c.host
		} else if strings.Contains(at, "[::1]") && !hasIPv6() {
			continue
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(r)
		must(t, err)
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("%+v: %s: %d %s", c, at, resp.StatusCode, body)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func hasIPv6() bool {
	ln, err := net.Listen("tcp", "[::1]:0")
	if err == nil {
		ln.Close()
	}
	return err == nil
}

// A wrong token gets an answer that says where the right one is.
func TestTCP_wrongToken(t *testing.T) {
	in := start(t, inspect.Options{TCP: "127.0.0.1:0"}, inspect.Fake{})
	bare, _, _ := strings.Cut(in.URL(), "#")
	_, err := inspect.DialEnv(background, bare+"#token=wrong", nil)
	wantError(t, err, "Authorization: Bearer TOKEN", "#token=")
	c, err := inspect.DialEnv(background, bare, map[string]string{"BRAID_INSPECT_TOKEN": strings.Split(in.URL(), "#token=")[1]})
	must(t, err)
	must(t, c.Close())
}

// Each start has a token of its own.
func TestTCP_tokensDiffer(t *testing.T) {
	a := start(t, inspect.Options{TCP: "127.0.0.1:0"}, inspect.Fake{})
	b := start(t, inspect.Options{TCP: "localhost:0"}, inspect.Fake{})
	if strings.Split(a.URL(), "#")[1] == strings.Split(b.URL(), "#")[1] {
		t.Error("two servers have the same token")
	}
}
