package work

import (
	"encoding/json"
	"fmt"
)

// Codec turns payloads into bytes and back, for engines that store bytes, and for the strict mode of [Memory].
// Decode is called by whoever receives the job. A panic in it is an error; it must not call runtime.Goexit.
type Codec[T any] struct {
	Encode func(T) ([]byte, error)
	Decode func([]byte) (T, error)
}

// JSON is a codec by package encoding/json.
func JSON[T any]() *Codec[T] {
	return &Codec[T]{
		Encode: func(v T) ([]byte, error) { return json.Marshal(v) },
		Decode: func(data []byte) (v T, err error) { return v, json.Unmarshal(data, &v) },
	}
}

func (c *Codec[T]) encode(v T) (data []byte, err error) {
	if data, err = c.Encode(v); err != nil {
		return nil, fmt.Errorf("work: the payload cannot be encoded: %w", err)
	}
	return data, nil
}

// decode makes a panic an error: it happens in a worker, and is the payload's fault.
func (c *Codec[T]) decode(data []byte) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("work: the payload cannot be decoded: panic: %v", p)
		}
	}()
	if v, err = c.Decode(data); err != nil {
		return v, fmt.Errorf("work: the payload cannot be decoded: %w", err)
	}
	return v, nil
}
