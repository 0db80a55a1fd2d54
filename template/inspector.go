package template

import (
	"context"
	"errors"
	"net"

	"github.com/braid-go/braid/inspect"
	"github.com/braid-go/braid/service"
)

// inspector lets "braid ps" and the console look at the service. It is the first to start and the last to stop,
// so that it can say why something else does not.
func (a *app) inspector() service.Component {
	var in *inspect.Inspector
	return service.Component{
		Name: "inspector",
		Start: func(ctx context.Context) (err error) {
			// Not under ctx, which ends with the start.
			in, err = inspect.Serve(context.WithoutCancel(ctx), inspect.Options{
				Name: "service", TCP: a.cfg.Console, Write: a.cfg.AllowCancel, LabelIDs: true, Logger: a.log,
			})
			if _, busy := errors.AsType[*net.OpError](err); busy {
				return &startError{err, "choose another address with --console, or none with --console ''"}
			}
			if err != nil {
				a.log.WarnContext(ctx, "there will be no inspector", "err", err) // the service works without it
				return nil
			}
			a.socket, a.console = in.Socket(), in.URL()
			return nil
		},
		Stop: func(context.Context) error {
			if in == nil {
				return nil
			}
			return in.Close()
		},
	}
}
