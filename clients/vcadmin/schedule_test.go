package main

import (
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
)

// A mark is as full as its fullest moment, and closed only where nothing is
// reserved.
func TestDrawn(t *testing.T) {
	from := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	c := control.Chart{From: from, To: from.Add(marks * time.Minute)}
	reserved := make([]int64, control.ChartSteps)
	reserved[0], reserved[5], reserved[9], reserved[10], reserved[95] = 1, 50, 99, 100, 1000
	shut := []control.Shut{{From: from.Add(time.Minute), To: from.Add(4 * time.Minute)}}
	if got, want := drawn(c, control.Lane{Rate: 100, Reserved: reserved}, shut), "▁▅█x"+strings.Repeat("·", marks-5)+"█"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := drawn(c, control.Lane{}, nil); got != strings.Repeat("·", marks) {
		t.Errorf("of nothing: %s", got)
	}
	if got := drawn(c, control.Lane{Reserved: []int64{7}}, nil); got != strings.Repeat("█", marks) {
		t.Errorf("of a link that carries nothing: %s", got)
	}
}
