package inspect

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
)

// checkPeer returns an error unless this user, or root, is on the other side of the socket.
func checkPeer(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("inspect: who is there: %w", err)
	}
	var cred *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		cred, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("inspect: who is there: %w", err)
	}
	return judgePeer(cred.Uid, os.Geteuid())
}

func judgePeer(uid uint32, own int) error {
	if uid != 0 && int(uid) != own {
		return fmt.Errorf("inspect: user %d may not look at a process of user %d", uid, own)
	}
	return nil
}

// startOf returns when the process was started, in the kernel's own units, or "" if there is none.
func startOf(pid int) string {
	if fields := stat(pid); len(fields) > 19 {
		return string(fields[19]) // starttime
	}
	return ""
}

// zombie says whether the process has ended, and only its parent has not asked how.
func zombie(pid int) bool {
	fields := stat(pid)
	return len(fields) > 0 && (fields[0][0] == 'Z' || fields[0][0] == 'X')
}

// stat returns the fields of /proc/PID/stat from the third one on, which is the state. The second one, the name, may hold anything.
func stat(pid int) [][]byte {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	return bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
}
