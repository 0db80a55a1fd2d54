package template_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"github.com/braid-go/braid/template/sqlite"
	"github.com/braid-go/braid/template/user"
)

// TestKill kills the service with no warning (SIGKILL, or TerminateProcess on
// Windows) while many clients write. Every user that a client was told of is
// there afterwards, in a database that is whole, round after round.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	var acknowledged []user.User
	for round := range 3 {
		p := startProcess(t, "--db", path)
		acknowledged = append(acknowledged, writeUntilKilled(t, p, round)...)

		db, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal("open after the kill:", err)
		}
		for _, u := range acknowledged {
			if got, err := db.User(t.Context(), u.ID); err != nil || got != u {
				t.Errorf("round %d: user %+v was acknowledged, the database has %+v, %v", round, u, got, err)
			}
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		wantWhole(t, path)
		t.Logf("round %d: %d users acknowledged so far", round, len(acknowledged))
	}
}

// wantWhole checks the database as SQLite itself does.
func wantWhole(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var answer string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&answer); err != nil || answer != "ok" {
		t.Errorf("integrity_check: %q, %v", answer, err)
	}
}

// writeUntilKilled creates users from many clients, kills the service in the
// middle, and returns the users whose creation was acknowledged.
func writeUntilKilled(t *testing.T, p *process, round int) []user.User {
	const clients, enough = 8, 100
	var (
		mu    sync.Mutex
		acked []user.User
		wg    sync.WaitGroup
	)
	kill := sync.OnceFunc(func() {
		if err := p.cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
	})
	for c := range clients {
		wg.Go(func() {
			for i := 0; ; i++ {
				u, err := create(p.url, fmt.Sprintf("u%d-%d-%d@example.com", round, c, i))
				if err != nil {
					return // the kill
				}
				mu.Lock()
				acked = append(acked, u)
				n := len(acked)
				mu.Unlock()
				if n >= enough {
					kill()
				}
			}
		})
	}
	wg.Wait()
	kill() // if the clients gave up before
	p.wait()
	if len(acked) < enough {
		t.Fatalf("only %d users were acknowledged", len(acked))
	}
	return acked
}

// create returns a user that the service says it has stored.
func create(url, email string) (u user.User, err error) {
	body, err := json.Marshal(user.Fields{Name: "Somebody", Email: email})
	if err != nil {
		return u, err
	}
	resp, err := http.Post(url+"/users", "application/json", bytes.NewReader(body))
	if err != nil {
		return u, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return u, fmt.Errorf("status %s", resp.Status)
	}
	return u, json.NewDecoder(resp.Body).Decode(&u)
}
