package cache

import "encoding/json"

// Codec writes values as bytes and reads them back. Both are called by many tasks at a time.
// An error of Decode is one of the tier, and the value is loaded; a panic is one of the load, as in the function itself.
type Codec[V any] interface {
	Encode(V) ([]byte, error)
	Decode([]byte) (V, error)
}

// JSON returns the codec that is used if none is given. What json leaves out of V, such as fields that are not exported, is lost in a [Tier].
func JSON[V any]() Codec[V] { return jsonCodec[V]{} }

type jsonCodec[V any] struct{}

func (jsonCodec[V]) Encode(v V) ([]byte, error) { return json.Marshal(v) }

func (jsonCodec[V]) Decode(data []byte) (v V, err error) {
	err = json.Unmarshal(data, &v)
	return v, err
}
