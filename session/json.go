package session

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// GetJSON gets a value. A status of 400 and more is a [*StatusError]. The body is read to its end, within Limits.Body, and closed.
//
// # Cancellation
//
// As with [Session.Do]; ctx is also that of the body.
func GetJSON[T any](ctx context.Context, s *Session, rawURL string) (T, error) {
	return exchangeJSON[T](ctx, s, http.MethodGet, rawURL, nil)
}

// SendJSON sends in and returns the answer. An empty one, as with a status of 204, is the zero value.
// The method decides whether the request is retried. A status of 400 and more is a [*StatusError].
//
// # Cancellation
//
// As with [Session.Do]; ctx is also that of the body.
func SendJSON[T any](ctx context.Context, s *Session, method, rawURL string, in any) (T, error) {
	var zero T
	body, err := json.Marshal(in)
	if err != nil {
		return zero, fmt.Errorf("session: %s %s: encode the request: %w", method, rawURL, err)
	}
	return exchangeJSON[T](ctx, s, method, rawURL, body)
}

func exchangeJSON[T any](ctx context.Context, s *Session, method, rawURL string, in []byte) (T, error) {
	var zero, out T
	var body io.Reader
	if in != nil {
		body = bytes.NewReader(in)
	}
	req, err := http.NewRequestWithContext(ctx, method, rawURL, body)
	if err != nil {
		return zero, err
	}
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.Do(req)
	if err != nil {
		return zero, err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		return zero, readStatus(resp)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return zero, err
	}
	if len(bytes.TrimSpace(text)) == 0 && (in != nil || resp.StatusCode == http.StatusNoContent) {
		return zero, nil
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return zero, fmt.Errorf("session: %s %s: decode the answer, %s: %w", method, resp.Request.URL.Redacted(), resp.Header.Get("Content-Type"), err)
	}
	return out, nil
}
