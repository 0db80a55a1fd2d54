package template

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

// What [Config] holds if nobody says otherwise.
const (
	DefaultHTTP      = "127.0.0.1:8080"
	DefaultGrace     = 10 * time.Second
	DefaultHeartbeat = 10 * time.Second
	DefaultConsole   = "127.0.0.1:8081"
)

// Config is what can be set about the service, by a flag or an environment
// variable each; see [Command].
type Config struct {
	// HTTP is the address to serve on, host:port. Port 0 takes a free one. An
	// empty host means all of the machine's addresses.
	HTTP string

	// DB is the path of the SQLite file, which is created if it is missing.
	DB string

	// Grace bounds how long a stopping service waits for what it has begun.
	Grace time.Duration

	// Heartbeat is the time between two beats of the background task.
	Heartbeat time.Duration

	// Console is the address of the page that shows what runs; "" means that there is none.
	Console string

	// AllowCancel lets who sees the console cancel tasks.
	AllowCancel bool

	// Chaos adds faults for the inspector to find.
	Chaos bool
}

// check returns what is wrong with c, in words for the person who set it.
func (c Config) check() error {
	if err := checkAddr(c.HTTP); err != nil {
		return fmt.Errorf("--http %q: %w", c.HTTP, err)
	}
	if c.DB == "" {
		return errors.New("--db must not be empty")
	}
	if c.Grace <= 0 {
		return fmt.Errorf("--grace %v: must be longer than 0, such as 10s", c.Grace)
	}
	if c.Heartbeat <= 0 {
		return fmt.Errorf("--heartbeat %v: must be longer than 0, such as 10s", c.Heartbeat)
	}
	if c.Console != "" {
		if err := checkAddr(c.Console); err != nil {
			return fmt.Errorf("--console %q: %w", c.Console, err)
		}
		host, _, _ := net.SplitHostPort(c.Console)
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return fmt.Errorf("--console %q: it shows what the service does, so it must be an address that this machine alone can reach, such as 127.0.0.1:8081", c.Console)
		}
	}
	return nil
}

func checkAddr(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return errors.New("must be host:port, such as 127.0.0.1:8080 or :8080")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("port %q must be a number from 0 to 65535", port)
	}
	return nil
}

// DefaultDB is the database that is used if nobody names one: a file among the
// user's own data, so that it is there again tomorrow and in nobody's way. On
// a machine without a home folder it is a file in the working directory.
func DefaultDB() string {
	const file = "demo.db"
	if dir, err := dataDir(); err == nil {
		return filepath.Join(dir, "braid", file)
	}
	return file
}

func dataDir() (string, error) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return os.UserConfigDir() // there it is for data too
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".local", "share"), nil
}
