package inspect_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid/inspect"
)

// Whatever is asked gets an answer, and none of them is the inspector's own failure.
func FuzzAPI(f *testing.F) {
	for _, c := range paths {
		path, query, _ := strings.Cut(c.path, "?")
		f.Add("GET", path, query, "text/plain")
	}
	f.Add("POST", "v1/tasks/4/cancel", "", "*/*")
	f.Add("GET", "v1/tasks", "name=*a?&blocked_for=1h&sort=-since&fields=id,name&group=", ";;,,")
	f.Add("HEAD", "v1/../../x", "%zz&a=b;c", "")
	in := start(f, inspect.Options{NoSocket: true, Write: true, Interval: time.Hour}, inspect.Fake{Take: demoShop, Cancel: func(uint64, error) bool { return false }})
	h := in.Handler()
	f.Fuzz(func(t *testing.T, method, path, query, accept string) {
		if strings.Contains(path, "event") || strings.Contains(path, "stacks") || strings.Contains(query, "fresh") {
			return // a stream has no end, a profile is slow, and so are many fresh snapshots
		}
		r := (&http.Request{
			Method: method, URL: &url.URL{Path: "/debug/tasks/" + path, RawQuery: query}, Host: "x", Body: http.NoBody,
			Header: http.Header{"Accept": {accept}},
		}).WithContext(t.Context())
		w := &recorder{header: make(http.Header)}
		h.ServeHTTP(w, r)
		if w.status < 200 || w.status == 500 || w.status > 503 {
			t.Errorf("%s %s?%s: %d %s", method, path, query, w.status, w.body.String())
		}
	})
}
