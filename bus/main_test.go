package bus_test

import (
	"log/slog"
	"os"
	"testing"
)

// Failures that no test listens to would be logged.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}
