package columns_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/braid-go/braid/internal/columns"
)

func TestWrite(t *testing.T) {
	long := strings.Repeat("long/", 30)
	for _, c := range []struct {
		name string
		rows [][]string
		want []string
	}{
		{"empty cells at the end", [][]string{{"ID", "TASK", "WAITS ON"}, {"1", "shop/very/long", ""}, {"2", "shop", "mutex"}, {"3", "", "queue"}}, []string{
			"ID  TASK  WAITS ON",
			"1   shop/very/long",
			"2   shop  mutex",
			"3         queue",
		}},
		{"wide and combining characters", [][]string{{"TASK", "FOR"}, {"商店", "1"}, {"cafe\u0301", "2"}, {"🧵", "3"}, {"각", "4"}, {"\u1100\u1161", "5"}, {"ｆ", "6"}}, []string{
			"TASK  FOR",
			"商店  1",
			"cafe\u0301  2",
			"🧵    3",
			"각    4",
			"\u1100\u1161    5",
			"ｆ    6",
		}},
		{"what a terminal obeys", [][]string{{"a\tb\nc", "x"}, {"\x1b[31m", "y"}, {"\u202ea\u200b\u2028", "z"}, {"a\xff", "u"}}, []string{
			"a b c  x",
			"·[31m  y",
			"·a··   z",
			"a\ufffd     u",
		}},
		{"a long one is whole, and alone", [][]string{{"a", "b"}, {long, "c"}, {strings.Repeat("x", 61), "d"}, {strings.Repeat("y", 60), "e"}}, []string{
			"a" + strings.Repeat(" ", 61) + "b",
			long + "  c",
			strings.Repeat("x", 61) + "  d",
			strings.Repeat("y", 60) + "  e",
		}},
		{"rows of several lengths", [][]string{{"process", "shop"}, {}, {"held by", "a", "1"}, {"held by", "some", "2"}, {"", ""}}, []string{
			"process  shop",
			"",
			"held by  a     1",
			"held by  some  2",
			"",
		}},
		{"nothing", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			given := make([][]string, len(c.rows))
			for i := range c.rows {
				given[i] = slices.Clone(c.rows[i])
			}
			var b strings.Builder
			if err := columns.Write(&b, c.rows); err != nil {
				t.Fatal(err)
			}
			want := ""
			if len(c.want) > 0 {
				want = strings.Join(c.want, "\n") + "\n"
			}
			if b.String() != want {
				t.Errorf("got\n%s\nwant\n%s", b.String(), want)
			}
			if !slices.EqualFunc(given, c.rows, slices.Equal) {
				t.Errorf("it has changed the rows: %q", c.rows)
			}
		})
	}
}

func TestWrite_fails(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	broken := errors.New("broken")
	_ = r.CloseWithError(broken)
	if err := columns.Write(w, [][]string{{"a"}}); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}
