// Package columns writes tables for terminals.
package columns

import (
	"bufio"
	"io"
	"slices"
	"strings"
	"unicode"
)

const (
	gap = 2 // spaces between columns

	// broad is how wide a column gets at most. A longer cell stands out of line, and the rows without one stay readable.
	broad = 60
)

// Write writes rows with their cells in line. A cell is shown in full, on one line, with a · for each character that is not to be seen
// or that a terminal would obey. A cell behind which there is nothing in its row takes no room in the others, and no line ends in spaces.
func Write(w io.Writer, rows [][]string) error {
	lines := make([][]string, len(rows))
	var widths []int
	for i, row := range rows {
		line := make([]string, len(row))
		for j, cell := range row {
			line[j] = strings.TrimRight(strings.Map(visible, cell), " ")
		}
		for len(line) > 0 && line[len(line)-1] == "" {
			line = line[:len(line)-1]
		}
		for j := range len(line) - 1 {
			if j == len(widths) {
				widths = append(widths, 0)
			}
			widths[j] = max(widths[j], min(Width(line[j]), broad))
		}
		lines[i] = line
	}
	out := bufio.NewWriter(w)
	for _, line := range lines {
		for j, cell := range line {
			_, _ = out.WriteString(cell) // Flush tells
			if j < len(line)-1 {
				_, _ = out.WriteString(strings.Repeat(" ", max(0, widths[j]-Width(cell))+gap))
			}
		}
		_ = out.WriteByte('\n')
	}
	return out.Flush() //nolint:wrapcheck // the writer's own
}

// visible returns what stands for r in a cell.
func visible(r rune) rune {
	switch {
	case r == '\t' || r == '\n':
		return ' '
	case unicode.IsGraphic(r) && !unicode.Is(unicode.Bidi_Control, r):
		return r
	}
	return '·'
}

// Width returns how many columns of a terminal s takes, of characters that are visible: those of East Asian scripts and emoji take two,
// and what combines with the character before takes none. Terminals do not agree about sequences of emoji, nor about what is newer than Unicode 14.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += width(r)
	}
	return n
}

func width(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) || r >= 0x1160 && r <= 0x11ff { // vowels and finals of a Korean syllable
		return 0
	}
	if _, found := slices.BinarySearchFunc(wide, r, func(of [2]rune, r rune) int {
		switch {
		case of[1] < r:
			return -1
		case of[0] > r:
			return 1
		}
		return 0
	}); found {
		return 2
	}
	return 1
}

// wide are the characters whose East_Asian_Width is W or F.
var wide = [][2]rune{
	{0x1100, 0x115f}, {0x231a, 0x231b}, {0x2329, 0x232a}, {0x23e9, 0x23ec}, {0x23f0, 0x23f0}, {0x23f3, 0x23f3}, {0x25fd, 0x25fe}, {0x2614, 0x2615},
	{0x2648, 0x2653}, {0x267f, 0x267f}, {0x2693, 0x2693}, {0x26a1, 0x26a1}, {0x26aa, 0x26ab}, {0x26bd, 0x26be}, {0x26c4, 0x26c5}, {0x26ce, 0x26ce},
	{0x26d4, 0x26d4}, {0x26ea, 0x26ea}, {0x26f2, 0x26f3}, {0x26f5, 0x26f5}, {0x26fa, 0x26fa}, {0x26fd, 0x26fd}, {0x2705, 0x2705}, {0x270a, 0x270b},
	{0x2728, 0x2728}, {0x274c, 0x274c}, {0x274e, 0x274e}, {0x2753, 0x2755}, {0x2757, 0x2757}, {0x2795, 0x2797}, {0x27b0, 0x27b0}, {0x27bf, 0x27bf},
	{0x2b1b, 0x2b1c}, {0x2b50, 0x2b50}, {0x2b55, 0x2b55}, {0x2e80, 0x303e}, {0x3041, 0x3247}, {0x3250, 0x4dbf}, {0x4e00, 0xa4c6}, {0xa960, 0xa97c},
	{0xac00, 0xd7a3}, {0xf900, 0xfad9}, {0xfe10, 0xfe19}, {0xfe30, 0xfe6b}, {0xff01, 0xff60}, {0xffe0, 0xffe6}, {0x16fe0, 0x1b2fb}, {0x1f004, 0x1f004},
	{0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c}, {0x1f37e, 0x1f393}, {0x1f3a0, 0x1f3ca},
	{0x1f3cf, 0x1f3d3}, {0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4}, {0x1f3f8, 0x1f43e}, {0x1f440, 0x1f440}, {0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d}, {0x1f54b, 0x1f54e},
	{0x1f550, 0x1f567}, {0x1f57a, 0x1f57a}, {0x1f595, 0x1f596}, {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f}, {0x1f680, 0x1f6c5}, {0x1f6cc, 0x1f6cc}, {0x1f6d0, 0x1f6d2},
	{0x1f6d5, 0x1f6df}, {0x1f6eb, 0x1f6ec}, {0x1f6f4, 0x1f6fc}, {0x1f7e0, 0x1f7f0}, {0x1f90c, 0x1f93a}, {0x1f93c, 0x1f945}, {0x1f947, 0x1f9ff}, {0x1fa70, 0x1faf6},
	{0x20000, 0x3134a},
}
