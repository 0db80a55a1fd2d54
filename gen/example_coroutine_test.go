package gen_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/braid-go/braid/gen"
)

// A running average, as in every introduction to Python's send: values go in, averages come out.
func ExampleCoroutine() {
	average := gen.New(func(y *gen.Yielder[float64, float64]) (int, error) {
		sum, n := 0.0, 0
		for {
			v, err := y.Yield(sum / float64(max(n, 1)))
			if err != nil {
				return n, err
			}
			sum += v
			n++
		}
	})
	defer average.Close()
	average.Next() // run to the first Yield, which waits for a value
	for _, v := range []float64{10, 20, 60} {
		avg, _ := average.Send(v)
		fmt.Print(avg, " ")
	}
	// Output: 10 15 30
}

// Next tells the end apart from every value, and Result has what the body returned.
func ExampleCoroutine_Next() {
	c := gen.New(func(y *gen.Yielder[struct{}, int]) (string, error) {
		for _, v := range []int{7, 0} {
			if _, err := y.Yield(v); err != nil {
				return "", err
			}
		}
		return "that was all", nil
	})
	for range 3 {
		v, ok := c.Next()
		fmt.Println(v, ok)
	}
	fmt.Println(c.Result())
	// Output:
	// 7 true
	// 0 true
	// 0 false
	// that was all <nil>
}

// Send makes the pending Yield return a value: a conversation.
func ExampleCoroutine_Send() {
	greeter := gen.New(func(y *gen.Yielder[string, string]) (struct{}, error) {
		name, err := y.Yield("Who are you?")
		if err != nil {
			return struct{}{}, err
		}
		_, err = y.Yield("Hello, " + name + "!")
		return struct{}{}, err
	})
	defer greeter.Close()
	question, _ := greeter.Next()
	answer, _ := greeter.Send("Ada")
	fmt.Println(question, answer)
	// Output: Who are you? Hello, Ada!
}

// An error that is thrown in comes out of the body's Yield. The body decides whether it ends.
func ExampleCoroutine_Throw() {
	errSkip := errors.New("skip")
	c := gen.New(func(y *gen.Yielder[struct{}, int]) (struct{}, error) {
		for i := 0; ; i++ {
			if _, err := y.Yield(i); errors.Is(err, errSkip) {
				i += 10
			} else if err != nil {
				return struct{}{}, err
			}
		}
	})
	fmt.Println(c.Next())
	fmt.Println(c.Throw(errSkip))
	fmt.Println(c.Throw(errors.New("enough")))
	_, err := c.Result()
	fmt.Println(err)
	// Output:
	// 0 true
	// 11 true
	// 0 false
	// enough
}

// Close runs the body's defers before it returns, and says what went wrong in them.
func ExampleCoroutine_Close() {
	c := gen.New(func(y *gen.Yielder[struct{}, string]) (_ struct{}, err error) {
		defer func() {
			fmt.Println("closing the file")
			err = errors.New("disk full")
		}()
		_, err = y.Yield("line 1")
		return struct{}{}, err
	})
	fmt.Println(c.Next())
	fmt.Println(c.Close())
	fmt.Println(c.Close()) // there is nothing left to close
	// Output:
	// line 1 true
	// closing the file
	// disk full
	// <nil>
}

// Result never waits: before the end it says so.
func ExampleCoroutine_Result() {
	c := gen.Pull(slices.Values([]string{"a"}))
	c.Next()
	_, err := c.Result()
	fmt.Println(errors.Is(err, gen.ErrNotFinished))
	c.Next()
	_, err = c.Result()
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

// A coroutine is a loop, too. A loop that is left closes it.
func ExampleCoroutine_All() {
	c := gen.New(func(y *gen.Yielder[struct{}, int]) (struct{}, error) {
		defer fmt.Println("cleaned up")
		for i := 1; ; i *= 2 {
			if _, err := y.Yield(i); err != nil {
				return struct{}{}, err
			}
		}
	})
	for v := range c.All() {
		if v > 20 {
			break
		}
		fmt.Print(v, " ")
	}
	// Output: 1 2 4 8 16 cleaned up
}

// tree is walked by a body that calls itself: delegation at no cost, for a body may pass its Yielder on.
type tree struct {
	left, right *tree
	name        string
}

func (t *tree) walk(y *gen.Yielder[struct{}, string]) error {
	if t == nil {
		return nil
	}
	if err := t.left.walk(y); err != nil {
		return err
	}
	if _, err := y.Yield(t.name); err != nil {
		return err
	}
	return t.right.walk(y)
}

// Yield may be called at any depth, unlike Python's.
func ExampleYielder() {
	root := &tree{&tree{nil, nil, "a"}, &tree{&tree{nil, nil, "c"}, nil, "d"}, "b"}
	for name, err := range gen.Seq(root.walk) {
		fmt.Print(name, " ", err, " ")
	}
	// Output: a <nil> b <nil> c <nil> d <nil>
}

// Each loop over a Seq runs the body anew, in the loop's own goroutine.
func ExampleSeq() {
	lines := gen.Seq(func(y *gen.Yielder[struct{}, string]) error {
		for line := range strings.Lines("one\ntwo\nthree\n") {
			if _, err := y.Yield(strings.TrimSpace(line)); err != nil {
				return err
			}
		}
		return errors.New("no end mark")
	})
	for line, err := range lines {
		fmt.Println(line, err)
	}
	// Output:
	// one <nil>
	// two <nil>
	// three <nil>
	//  no end mark
}

// YieldFrom is Python's "yield from": values, sent values, errors and Close go through, and the result comes back.
func ExampleYieldFrom() {
	sum := func(y *gen.Yielder[int, string]) (int, error) {
		total := 0
		for range 2 {
			v, err := y.Yield("a number, please")
			if err != nil {
				return 0, err
			}
			total += v
		}
		return total, nil
	}
	outer := gen.New(func(y *gen.Yielder[int, string]) (struct{}, error) {
		total, err := gen.YieldFrom(y, gen.New(sum))
		if err != nil {
			return struct{}{}, err
		}
		_, err = y.Yield(fmt.Sprint("the sum is ", total))
		return struct{}{}, err
	})
	defer outer.Close()
	fmt.Println(outer.Next())
	fmt.Println(outer.Send(3))
	fmt.Println(outer.Send(4))
	// Output:
	// a number, please true
	// a number, please true
	// the sum is 7 true
}

func ExampleYieldAll() {
	c := gen.New(func(y *gen.Yielder[struct{}, string]) (struct{}, error) {
		if err := gen.YieldAll(y, slices.Values([]string{"a", "b"})); err != nil {
			return struct{}{}, err
		}
		_, err := y.Yield("end")
		return struct{}{}, err
	})
	for s := range c.All() {
		fmt.Print(s, " ")
	}
	// Output: a b end
}

// Pull takes the elements of a sequence one by one, here to merge two sorted ones.
func ExampleGenerator() {
	a, b := gen.Pull(slices.Values([]int{1, 4, 6})), gen.Pull(slices.Values([]int{2, 3, 9}))
	defer a.Close()
	defer b.Close()
	va, okA := a.Next()
	vb, okB := b.Next()
	for okA || okB {
		if okA && (!okB || va <= vb) {
			fmt.Print(va, " ")
			va, okA = a.Next()
		} else {
			fmt.Print(vb, " ")
			vb, okB = b.Next()
		}
	}
	// Output: 1 2 3 4 6 9
}

// A panic in the body comes out of Next with the stack of the body.
func ExamplePanicError() {
	c := gen.New(func(*gen.Yielder[struct{}, int]) (struct{}, error) {
		panic("out of paper")
	})
	defer func() {
		pe, _ := recover().(*gen.PanicError)
		fmt.Println(pe.Value, strings.Contains(string(pe.Stack), "ExamplePanicError.func1"))
	}()
	c.Next()
	// Output: out of paper true
}

// A body that yields while it is being closed is unwound, and Close says what is wrong with it.
func ExampleCoroutine_Close_ignored() {
	c := gen.New(func(y *gen.Yielder[struct{}, int]) (struct{}, error) {
		defer fmt.Println("unwound")
		for i := 0; ; i++ {
			_, _ = y.Yield(i) // forgets the error
		}
	})
	c.Next()
	fmt.Println(errors.Is(c.Close(), gen.ErrYieldInClose))
	// Output:
	// unwound
	// true
}
