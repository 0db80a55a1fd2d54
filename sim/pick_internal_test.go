package sim

import (
	"testing"
	"time"
)

// A call outside that never returns is waited for with patience once, and not each time that the schedule is run.
func TestPatienceIsLostOnce(t *testing.T) {
	e := newEngine()
	defer e.close()
	e.patience = patienceLater + 50*time.Millisecond
	e.outside.Add(1)
	if e.await() {
		t.Fatal("nothing has come")
	}
	if e.patience != patienceLater {
		t.Errorf("the patience is %v, want %v", e.patience, patienceLater)
	}
}
