package service_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/service"
)

func TestInvalidInputPanics(t *testing.T) {
	t.Parallel()
	config := func(c service.Config) func() { return func() { service.New(c) } }
	add := func(c ...service.Component) func() { return func() { service.New(service.Config{}).Add(c...) } }
	periodic := func(c service.PeriodicConfig) func() { return func() { service.Periodic(c) } }
	web := func(c service.HTTPConfig) func() { return func() { service.HTTP(c) } }
	mux := http.NewServeMux()
	routes := func(service.HTTPScope) http.Handler { return mux }
	for want, calls := range map[string][]func(){
		"Config.StartTimeout":  {config(service.Config{StartTimeout: -1})},
		"Config.StopTimeout":   {config(service.Config{StopTimeout: -1})},
		"Config.StopWithin":    {config(service.Config{StopWithin: -1}), config(service.Config{StopWithin: 1, Drain: 1})},
		"Config.Drain":         {config(service.Config{Drain: -1})},
		"Config.LastMoment":    {config(service.Config{LastMoment: -1})},
		"Config.Strategy":      {config(service.Config{Strategy: -1}), config(service.Config{Strategy: 3})},
		"Config.MaxRestarts":   {config(service.Config{MaxRestarts: -1})},
		"Config.RestartWindow": {config(service.Config{RestartWindow: -1})},
		"Config.RestartDelay":  {config(service.Config{RestartDelay: -1})},
		"Config.RestartMax":    {config(service.Config{RestartMax: 1}), config(service.Config{RestartMax: -1})},
		"Config.CheckEvery":    {config(service.Config{CheckEvery: -1})},
		"Config.CheckTimeout":  {config(service.Config{CheckTimeout: -1})},
		"Config.ReportEvery":   {config(service.Config{ReportEvery: -1})},

		"needs a Name":                {add(service.Component{Run: ok})},
		"Component.Name of \"a/b\"":   {add(service.Component{Name: "a/b", Run: ok})},
		"Component.Name of \"stop\"":  {add(service.Component{Name: "stop", Run: ok})},
		"has no function":             {add(service.Component{Name: "a"})},
		"already; names are unique":   {add(service.Component{Name: "a", Run: ok}, service.Component{Name: "a", Run: ok})},
		"Component.Restart of \"a\"":  {add(service.Component{Name: "a", Run: ok, Restart: 3}), add(service.Component{Name: "a", Start: ok, Restart: service.Always})},
		"Component.StartTimeout of":   {add(service.Component{Name: "a", Run: ok, StartTimeout: -1})},
		"Component.StopTimeout of":    {add(service.Component{Name: "a", Run: ok, StopTimeout: -1})},
		"PeriodicConfig.Every":        {periodic(service.PeriodicConfig{Do: ok}), periodic(service.PeriodicConfig{Do: ok, Every: -1})},
		"PeriodicConfig.Do":           {periodic(service.PeriodicConfig{Every: 1})},
		"PeriodicConfig.Jitter":       {periodic(service.PeriodicConfig{Do: ok, Every: 1, Jitter: 1}), periodic(service.PeriodicConfig{Do: ok, Every: 1, Jitter: math.NaN()})},
		"PeriodicConfig.Timeout":      {periodic(service.PeriodicConfig{Do: ok, Every: 1, Timeout: -1})},
		"needs an Addr":               {web(service.HTTPConfig{Handler: mux})},
		"both an Addr and a Listener": {web(service.HTTPConfig{Handler: mux, Addr: ":0", Listener: new(net.TCPListener)})},
		"either a Handler or Routes":  {web(service.HTTPConfig{Addr: ":0"}), web(service.HTTPConfig{Addr: ":0", Handler: mux, Routes: routes})},
		"both Routes and Always":      {web(service.HTTPConfig{Addr: ":0", Routes: routes, Always: map[string]http.Handler{"/": mux}})},
		"HTTPConfig.Always":           {web(service.HTTPConfig{Addr: ":0", Handler: mux, Always: map[string]http.Handler{"/": mux}})},
		"needs two functions":         {func() { service.Serve(nil, ok) }, func() { service.Serve(func() error { return nil }, nil) }},
	} {
		for i, call := range calls {
			t.Run(fmt.Sprintf("%s/%d", want, i), func(t *testing.T) { wantPanic(t, want, call) })
		}
	}
}

func TestNamesOfConstants(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]fmt.Stringer{
		"never": service.Never, "on failure": service.OnFailure, "always": service.Always, "unknown": service.Restart(7),
		"one for one": service.OneForOne, "one for all": service.OneForAll, "rest for one": service.RestForOne,
		"idle": service.Idle, "stuck": service.Stuck, "start": service.InStart, "run": service.InRun, "stop": service.InStop,
	} {
		equal(t, "text", v.String(), want)
	}
}

func TestErrorTexts(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"component db failed: down":       &service.ComponentError{Component: "db", Phase: service.InRun, Err: errDown},
		"component db did not stop: down": &service.ComponentError{Component: "db", Phase: service.InStop, Err: errDown},
		"component db did not start: service: not ready in time, which is 3s; its Ready says: down; it runs a/db (1s old, waits in x), a/c (2s old, busy or blocked outside braid)": &service.ComponentError{
			Component: "db", Err: service.ErrStartTimeout, Within: 3 * time.Second, Last: errDown,
			Tasks: []braid.StuckTask{{Path: "a/db", Age: time.Second, Waiting: "x"}, {Path: "a/c", Age: 2 * time.Second}},
		},
		"component db would have to be restarted again, after 5 restarts within 1m0s": &service.RestartError{Component: "db", Max: 5, Window: time.Minute},
		"the service is not alive: db: down":                                          &service.HealthError{What: "alive", Reasons: []string{"db: down"}},
	} {
		equal(t, "text", err.Error(), want)
	}
}

// Main is Run with an exit status.
func TestMainStatus(t *testing.T) {
	t.Parallel()
	equal(t, "status", newService(service.Config{}, service.Component{Name: "job", Run: ok}).Main(t.Context()), 0)
	log := &diary{}
	equal(t, "status", newService(service.Config{Log: slogTo(log)}, service.Component{Name: "job", Run: fail}).Main(t.Context()), 1)
	equal(t, "lines", log.count("the service failed"), 1)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("gone"))
	equal(t, "status", newService(service.Config{}, service.Component{Name: "job", Run: ok}).Main(ctx), 1)
}
