package audit

import (
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"strings"
)

// What says which decisions are written. The zero value is all of them. Whatever
// it says, heads count the decisions that were not.
type What struct {
	text string
	// share of 2^64 of what was allowed is written, if some says that not all is.
	some, nothing bool
	share         uint64
}

// ParseWhat reads "all", "denies" for denials alone, or "sample=0.1" for all
// denials and a tenth of what was allowed. The sample is the same wherever the
// same decisions are written: the decision's id says whether it is in it.
func ParseWhat(text string) (What, error) {
	switch text {
	case "", "all":
		return What{}, nil
	case "denies":
		return What{text: text, some: true}, nil
	}
	if rate, ok := strings.CutPrefix(text, "sample="); ok {
		if f, err := strconv.ParseFloat(rate, 64); err == nil && f > 0 && f < 1 {
			return What{text: text, some: true, share: uint64(f * math.MaxUint64)}, nil
		}
	}
	return What{}, fmt.Errorf("%q: want all, denies or sample=RATE with a rate between 0 and 1", text)
}

// Nothing leaves everything out: for a log that only its Recent is read of.
func Nothing() What { return What{text: "nothing", some: true, nothing: true} }

func (w What) String() string {
	if w.some {
		return w.text
	}
	return "all"
}

func (w What) keeps(r *Record) bool {
	return !w.some || !w.nothing && r.denied() || w.share > 0 && scatter(r.ID) < w.share
}

// scatter spreads ids evenly. It guards nothing: ids are ours.
func scatter(id string) uint64 {
	h := fnv.New64a()
	for i := range len(id) {
		_, _ = h.Write([]byte{id[i]})
	}
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
