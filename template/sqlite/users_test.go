package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/template/sqlite"
	"github.com/braid-go/braid/template/user"
)

func create(t *testing.T, db *sqlite.DB, email string) user.User {
	t.Helper()
	u, err := db.CreateUser(t.Context(), user.Fields{Name: "Somebody", Email: email})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestCreateAndRead(t *testing.T) {
	db := newDB(t)
	created := create(t, db, "ada@example.com")
	if created.ID == 0 || created.CreatedAt.IsZero() || !created.CreatedAt.Equal(created.UpdatedAt) {
		t.Errorf("created %+v", created)
	}
	got, err := db.User(t.Context(), created.ID)
	if err != nil || got != created {
		t.Errorf("read %+v, %v, want %+v", got, err, created)
	}
	if _, err := db.User(t.Context(), created.ID+1); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("unknown id: %v", err)
	}
}

func TestEmailIsUnique(t *testing.T) {
	db := newDB(t)
	create(t, db, "ada@example.com")
	other := create(t, db, "grace@example.com")
	same := user.Fields{Name: "Another", Email: "ADA@example.com"}
	if _, err := db.CreateUser(t.Context(), same); !errors.Is(err, user.ErrEmailTaken) {
		t.Errorf("create: %v", err)
	}
	if _, err := db.ReplaceUser(t.Context(), other.ID, same); !errors.Is(err, user.ErrEmailTaken) {
		t.Errorf("replace: %v", err)
	}
	if got, err := db.User(t.Context(), other.ID); err != nil || got != other {
		t.Errorf("after a refused replace: %+v, %v", got, err)
	}
}

func TestReplace(t *testing.T) {
	db := newDB(t)
	u := create(t, db, "ada@example.com")
	f := user.Fields{Name: "Ada Lovelace", Email: "Ada@example.com"} // her own address, written otherwise
	got, err := db.ReplaceUser(t.Context(), u.ID, f)
	if err != nil || got.ID != u.ID || got.Fields != f || got.CreatedAt != u.CreatedAt || got.UpdatedAt.Before(u.UpdatedAt) {
		t.Errorf("got %+v, %v", got, err)
	}
	if read, err := db.User(t.Context(), u.ID); err != nil || read != got {
		t.Errorf("read %+v, %v, want %+v", read, err, got)
	}
	if _, err := db.ReplaceUser(t.Context(), u.ID+1, f); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("unknown id: %v", err)
	}
}

func TestDeleteFreesTheEmailAndNotTheID(t *testing.T) {
	db := newDB(t)
	u := create(t, db, "ada@example.com")
	if err := db.DeleteUser(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	if err := db.DeleteUser(t.Context(), u.ID); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("again: %v", err)
	}
	if again := create(t, db, "ada@example.com"); again.ID <= u.ID {
		t.Errorf("id %d came after %d", again.ID, u.ID)
	}
}

func TestPages(t *testing.T) {
	db := newDB(t)
	empty, err := db.Users(t.Context(), 10, 0)
	if err != nil || empty.Users == nil || len(empty.Users) != 0 || empty.Next != 0 {
		t.Errorf("of nobody: %+v, %v", empty, err)
	}
	var want []user.User
	for i := range 5 {
		want = append(want, create(t, db, fmt.Sprintf("u%d@example.com", i)))
	}
	for limit := 1; limit <= 6; limit++ {
		var got []user.User
		after := int64(0)
		for {
			page, err := db.Users(t.Context(), limit, after)
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Users) > limit {
				t.Fatalf("limit %d: %d users", limit, len(page.Users))
			}
			got = append(got, page.Users...)
			if after = page.Next; after == 0 {
				break
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("limit %d: %v, want %v", limit, got, want)
		}
	}
}

// Many writers and readers at once: nobody is told that the database is busy,
// and nothing is lost.
func TestConcurrentUse(t *testing.T) {
	db := newDB(t)
	const writers, each = 16, 8
	err := braid.Run(t.Context(), func(_ context.Context, g *braid.Group) error {
		for w := range writers {
			g.Go(func(ctx context.Context) error {
				for i := range each {
					f := user.Fields{Name: "Somebody", Email: fmt.Sprintf("u%d-%d@example.com", w, i)}
					u, err := db.CreateUser(ctx, f)
					if err != nil {
						return err
					}
					if got, err := db.User(ctx, u.ID); err != nil || got != u {
						return fmt.Errorf("own write: %+v, %w, want %+v", got, err, u)
					}
				}
				return nil
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := db.Users(t.Context(), writers*each+1, 0)
	if err != nil || len(page.Users) != writers*each {
		t.Errorf("%d users, %v, want %d", len(page.Users), err, writers*each)
	}
}
