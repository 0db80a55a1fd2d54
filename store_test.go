package braid //nolint:testpackage // the stores are not exported

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// slowStore is the model of all three stores: a list, searched from end to end.
type slowStore struct {
	items []ranked[*int]
	first func(a, b ranked[*int]) bool // a comes out before b
}

func (s *slowStore) push(v *int, rank int64) { s.items = append(s.items, ranked[*int]{v, rank}) }

func (s *slowStore) pop() (*int, int64) {
	next := 0
	for i := range s.items {
		if s.first(s.items[i], s.items[next]) {
			next = i
		}
	}
	r := s.items[next]
	s.items = slices.Delete(s.items, next, next+1)
	return r.item, r.rank
}

func lessPointed(a, b *int) bool { return *a < *b }

// storeUnderTest makes the store of a kind with its model, and a function that lists all that the store refers to.
func storeUnderTest(kind byte) (s store[*int], m *slowStore, refers func() int) {
	count := func(list []ranked[*int]) (n int) {
		for _, r := range list[:cap(list)] {
			if r.item != nil {
				n++
			}
		}
		return n
	}
	switch kind % 3 {
	case 0:
		r := &ring[*int]{}
		return r, &slowStore{first: func(a, b ranked[*int]) bool { return a.rank < b.rank }}, func() int {
			n := count(r.back)
			for _, v := range r.buf {
				if v != nil {
					n++
				}
			}
			return n
		}
	case 1:
		st := &stack[*int]{}
		return st, &slowStore{first: func(a, b ranked[*int]) bool { return a.rank > b.rank }}, func() int { return count(st.items) }
	default:
		p := &priority[*int]{less: lessPointed}
		return p, &slowStore{first: func(a, b ranked[*int]) bool {
			if *a.item != *b.item {
				return *a.item < *b.item
			}
			return a.rank < b.rank
		}}, func() int { return count(p.items) }
	}
}

// playStore runs a program on a store and its model, as a queue would use it:
// an item that comes while the store is empty may be given out without being pushed, and may come back later,
// as may one that was popped.
func playStore(t *testing.T, program []byte) {
	t.Helper()
	if len(program) == 0 {
		return
	}
	s, m, refers := storeUnderTest(program[0])
	var rank int64
	var out []ranked[*int] // what was given out
	for _, b := range program[1:] {
		arg := int(b >> 3)
		switch b & 7 {
		case 0, 1, 2, 3:
			rank++
			v := arg % 4
			if b&7 == 3 && s.len() == 0 {
				out = append(out, ranked[*int]{&v, rank})
				break
			}
			s.push(&v, rank)
			m.push(&v, rank)
		case 4, 5:
			if s.len() == 0 {
				break
			}
			v, at := s.pop()
			wanted, place := m.pop()
			if v != wanted || at != place {
				t.Fatalf("pop gives %d of rank %d, want %d of rank %d", *v, at, *wanted, place)
			}
			out = append(out, ranked[*int]{v, at})
		default:
			if len(out) == 0 {
				break
			}
			i := arg % len(out)
			s.unpop(out[i].item, out[i].rank)
			m.push(out[i].item, out[i].rank)
			out = slices.Delete(out, i, i+1)
		}
		if s.len() != len(m.items) {
			t.Fatalf("len is %d, want %d", s.len(), len(m.items))
		}
		if n := refers(); n != s.len() {
			t.Fatalf("the store refers to %d items and holds %d", n, s.len())
		}
	}
}

func FuzzStore(f *testing.F) {
	for kind := range byte(3) {
		f.Add([]byte{kind, 0, 8, 16, 4, 4, 4})
		f.Add([]byte{kind, 3, 3, 0, 8, 6, 14, 4, 4, 4, 4})
		f.Add([]byte{kind, 16, 8, 4, 4, 0, 6, 6, 14, 4, 4, 4})
	}
	f.Fuzz(playStore)
}

func TestStores(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 600 {
		program := make([]byte, rng.IntN(300))
		for i := range program {
			program[i] = byte(rng.Uint32())
		}
		if len(program) > 0 {
			program[0] = byte(i)
		}
		playStore(t, program)
		if t.Failed() {
			t.Fatalf("program: %v", program)
		}
	}
}

// A burst must not pin its memory for the rest of the queue's life.
func TestRingGivesRoomBack(t *testing.T) {
	var r ring[int]
	for round := range 3 {
		for i := range 5000 {
			r.push(i, int64(i))
		}
		for i := range 5000 {
			if v, _ := r.pop(); v != i {
				t.Fatalf("round %d: pop = %d, want %d", round, v, i)
			}
		}
		if len(r.buf) > maxIdleRing {
			t.Errorf("round %d: an empty ring keeps room for %d items", round, len(r.buf))
		}
	}
}
