package sim

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// A tape as text: the version, a letter for the semantics, a c if cancellations are offered, a y if a task that yields
// may go on at once, a colon, and in base64
// pairs of numbers – how many zeros, and the answer after them – behind two bytes of checksum.

const tapeVersion = 1

// recording is a tape and what must be known to play it.
type recording struct {
	tape    []uint32
	loop    bool
	cancels bool
	free    bool
}

func (r recording) String() string {
	var b []byte
	zeros := uint64(0)
	for _, v := range r.tape {
		if v == 0 {
			zeros++
			continue
		}
		b = binary.AppendUvarint(b, zeros)
		b = binary.AppendUvarint(b, uint64(v))
		zeros = 0
	}
	flags := "p"
	if r.loop {
		flags = "l"
	}
	if r.cancels {
		flags += "c"
	}
	if r.free {
		flags += "y"
	}
	b = binary.BigEndian.AppendUint16(b, checksum(flags, b))
	return strconv.Itoa(tapeVersion) + flags + ":" + base64.RawURLEncoding.EncodeToString(b)
}

func checksum(flags string, b []byte) uint16 {
	return uint16(crc32.ChecksumIEEE(append([]byte(flags), b...)))
}

var errBrokenTape = errors.New("the replay string is broken: copy it whole, from the number before the colon to its end")

// maxTape bounds what a string may ask for.
const maxTape = 1 << 24

// parseRecording reads what String wrote.
func parseRecording(s string) (recording, error) {
	head, body, ok := strings.Cut(strings.TrimSpace(s), ":")
	digits := strings.TrimRight(head, "plcy")
	version, err := strconv.Atoi(digits)
	if !ok || err != nil {
		return recording{}, errBrokenTape
	}
	if version != tapeVersion {
		return recording{}, fmt.Errorf("the replay string is of version %d, and this simulator reads version %d: let the test find the failure again, with the seed of the report", version, tapeVersion)
	}
	flags := head[len(digits):]
	r := recording{loop: strings.HasPrefix(flags, "l"), cancels: strings.Contains(flags, "c"), free: strings.Contains(flags, "y")}
	b, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || len(b) < 2 {
		return recording{}, errBrokenTape
	}
	sum := binary.BigEndian.Uint16(b[len(b)-2:])
	b = b[:len(b)-2]
	if checksum(flags, b) != sum {
		return recording{}, errBrokenTape
	}
	for len(b) > 0 {
		zeros, n := binary.Uvarint(b)
		if n <= 0 {
			return recording{}, errBrokenTape
		}
		b = b[n:]
		v, n := binary.Uvarint(b)
		if n <= 0 || zeros > maxTape || uint64(len(r.tape))+zeros > maxTape || v > 1<<32-1 {
			return recording{}, errBrokenTape
		}
		b = b[n:]
		r.tape = append(r.tape, make([]uint32, zeros)...)
		r.tape = append(r.tape, uint32(v))
	}
	return r, nil
}
