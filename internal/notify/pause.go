package notify

import (
	"hash/fnv"
	"slices"
	"strconv"
	"time"
)

// pause is how long to wait after that many attempts. Up to a quarter is added,
// which differs from mail to mail and from try to try, so that what failed
// together is not tried together for ever.
func (s Settings) pause(messageID string, attempts int) time.Duration {
	base := s.Retry[min(attempts, len(s.Retry))-1]
	h := fnv.New32a()
	h.Write([]byte(messageID + " " + strconv.Itoa(attempts)))
	return base + time.Duration(float64(base/4)*float64(h.Sum32())/(1<<32))
}

// longest is how long mail waits at most to be tried.
func (s Settings) longest() time.Duration { return max(idle, slices.Max(s.Retry)*5/4) }
