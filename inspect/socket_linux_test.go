package inspect_test

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/braid-go/braid/inspect"
)

// A process whose runtime directory is another one, as in a container, is found through /proc.
func TestDial_otherRoot(t *testing.T) {
	dir := shortDir(t)
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childVariable+"="+dir, "BRAID_RUNTIME_DIR="+dir)
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	defer cmd.Wait()
	defer stdin.Close()
	_, err = bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	c, err := inspect.DialEnv(background, strconv.Itoa(cmd.Process.Pid), map[string]string{"BRAID_RUNTIME_DIR": shortDir(t)})
	must(t, err)
	defer c.Close()
	info, err := c.Info(background)
	if err != nil || info.Process.PID != cmd.Process.Pid || info.Process.Name != "child" {
		t.Errorf("%+v, %v", info, err)
	}
}

// Only this user and root may look; the kernel says who is on the other side.
func TestPeer(t *testing.T) {
	own := os.Geteuid()
	for uid, ok := range map[uint32]bool{0: true, uint32(own): true, uint32(own) + 1: false, 4294967295: false} {
		if err := inspect.JudgePeer(uid, own); (err == nil) != ok {
			t.Errorf("user %d: %v", uid, err)
		}
	}
}
