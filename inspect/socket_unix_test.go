//go:build unix

package inspect_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/braid-go/braid/inspect"
)

func TestRuntimeDir(t *testing.T) {
	home := shortDir(t)
	uid := strconv.Itoa(os.Geteuid())
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"BRAID_RUNTIME_DIR": "/a/b", "XDG_RUNTIME_DIR": home}, "/a/b"},
		{map[string]string{"XDG_RUNTIME_DIR": home, "TMPDIR": "/t"}, home + "/braid"},
		{map[string]string{"XDG_RUNTIME_DIR": home + "/none", "TMPDIR": "/t"}, "/t/braid-" + uid},
		{map[string]string{"XDG_RUNTIME_DIR": "relative"}, "/tmp/braid-" + uid},
		{map[string]string{"TMPDIR": "relative"}, "/tmp/braid-" + uid},
		{nil, "/tmp/braid-" + uid},
	} {
		got, err := inspect.RuntimeDir(c.env)
		if err != nil || got != c.want {
			t.Errorf("%v: %q, %v; want %q", c.env, got, err, c.want)
		}
	}
	_, err := inspect.RuntimeDir(map[string]string{"BRAID_RUNTIME_DIR": "relative"})
	wantError(t, err, "absolute")
}

// A directory that others could write to, or lead elsewhere, is refused by who serves and by who looks.
func TestRuntimeDir_refused(t *testing.T) {
	parent := shortDir(t)
	good := filepath.Join(parent, "good")
	must(t, os.Mkdir(good, 0o700))
	for _, c := range []struct {
		name, want string
		make       func(path string) error
	}{
		{"open", "mode 0755", func(p string) error { return os.Mkdir(p, 0o755) }},
		{"group", "mode 0770", func(p string) error { return errors.Join(os.Mkdir(p, 0o700), os.Chmod(p, 0o770)) }},
		{"closed", "mode 0500", func(p string) error { return os.Mkdir(p, 0o500) }},
		{"link", "symbolic link", func(p string) error { return os.Symlink(good, p) }},
		{"dangling", "symbolic link", func(p string) error { return os.Symlink("nowhere", p) }},
		{"file", "no directory", func(p string) error { return os.WriteFile(p, nil, 0o700) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(parent, c.name)
			must(t, c.make(dir))
			_, err := inspect.Serve(background, inspect.Options{Dir: dir})
			wantError(t, err, dir, c.want, "BRAID_RUNTIME_DIR")
			_, err = inspect.Processes(background, dir)
			wantError(t, err, dir, c.want)
			_, err = inspect.DialEnv(background, "1", map[string]string{"BRAID_RUNTIME_DIR": dir})
			wantError(t, err, dir, c.want)
		})
	}
	if left := files(t, good); left != "" {
		t.Errorf("files behind the link: %s", left)
	}
	list, err := inspect.Processes(background, filepath.Join(parent, "nowhere"))
	if err != nil || len(list) != 0 {
		t.Errorf("a directory that is not there: %v, %v", list, err)
	}
}

// owned is a directory of some user.
type owned struct {
	fs.FileInfo

	uid uint32
}

func (o owned) Sys() any          { return &syscall.Stat_t{Uid: o.uid} }
func (o owned) Mode() fs.FileMode { return fs.ModeDir | 0o700 }

// A directory of another user is refused, root's too: what is in there, this user did not put there.
func TestRuntimeDir_otherOwner(t *testing.T) {
	own := uint32(os.Geteuid())
	if what := inspect.WrongOwner(owned{uid: own}); what != "" {
		t.Errorf("one's own directory %s", what)
	}
	wantText(t, inspect.WrongOwner(owned{uid: own + 1}), "belongs to user "+strconv.Itoa(int(own)+1))
}
