package loop

import "time"

type ioState struct{}

func (s *ioState) poll(time.Duration) {}
func (s *ioState) wake()              {}
func (s *ioState) close()             {}
