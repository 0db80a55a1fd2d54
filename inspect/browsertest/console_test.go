package browsertest

import (
	"context"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/inspect"
)

// The token is in the address that the program prints, and nowhere to be seen afterwards.
func TestToken_leavesTheAddress(t *testing.T) {
	s := serve(t, inspect.Options{})
	run(t, "shop", func(ctx context.Context, _ *braid.Group) error { return park(ctx) })
	p := open(t, s.url, wide)
	p.until("ready('overview')")
	p.until("!location.href.includes('token') && !document.body.innerHTML.includes(sessionStorage['braid-token'])")
	p.wants("#link", "live")
	p.until("document.cookie === '' && Object.keys(localStorage).every((k) => !localStorage[k].includes(sessionStorage['braid-token']))")
	p.navigate("http://" + s.front.addr + "/debug/tasks/") // the same tab has kept it
	p.until("ready('overview') && text('#link') === 'live'")
}
