package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a client saw, and what is wrong about it. A run takes notes and is judged
// when it is over, as only then all is known: what was revoked, and when replicas
// were down or cut off.

// answer is what became of a question.
type answer int

// An answer that nobody knows what to make of is strange.
const (
	strange answer = iota
	allowed
	denied
	refused     // UNAUTHENTICATED
	unavailable // UNAVAILABLE, no connection, or too late
)

// about is what a question was.
type about int

const (
	ownRow   about = iota // allowed, as long as the session is
	otherRow              // denied, likewise
	forged                // a token with one bit changed: never anything but refused
)

// asking is one question to one replica.
type asking struct {
	replica    int
	about      about
	session    *client
	asked, got time.Time
	answer     answer
	text       string
}

// client is one session. Its times are written by who revokes it, while others
// only point at it.
type client struct {
	identity, key, token string
	// revoking is when the revocation was sent, revoked when it was acknowledged,
	// and by is where; zero if never.
	revoking, revoked time.Time
	by                int
}

// span is a time with a beginning and, once it is known, an end. What it is about
// may have begun later than from, and certainly has by sure, if that is not
// zero: a database that is told to stop answers for a while. From back on it may
// be over, if that is not zero: a database answers before its start says so.
type span struct{ from, to, sure, back time.Time }

// since reports whether what the span is about has lasted for d when something was
// asked, and was not over when it was answered.
func (s span) since(asked, got time.Time, d time.Duration) bool {
	return !s.sure.IsZero() && asked.Sub(s.sure) > d && (s.back.IsZero() || got.Before(s.back))
}

func (s span) has(t time.Time, before, after time.Duration) bool {
	return !t.Before(s.from.Add(-before)) && (s.to.IsZero() || t.Before(s.to.Add(after)))
}

// health is one question to a replica whether it is ready.
type health struct {
	replica    int
	asked, got time.Time
	grpc, http bool
}

// history is all of a run. Down and cut are by replica: when its process was not
// to answer, and when it had no store.
type history struct {
	maxStale  time.Duration
	askings   []asking
	healths   []health
	down, cut [3][]span
}

// Bounds that the run is held to. Source: docs/serving.md; reliability.md R1,
// X7, X8.
const (
	reached   = 2 * time.Second // a revocation, while connected
	reconnect = 5 * time.Second
	// blink is for clocks that are read before and after.
	blink = 150 * time.Millisecond
	// seen is how soon the health service says what is so, and noticed how soon
	// the readiness check does: it asks the store once a second and waits 2 s.
	seen    = 1200 * time.Millisecond
	noticed = 3500 * time.Millisecond
)

// found is the span that has t, with something before and after it.
func found(all []span, t time.Time, before, after time.Duration) *span {
	for i := range all {
		if all[i].has(t, before, after) {
			return &all[i]
		}
	}
	return nil
}

// wrong says what is wrong with an answer, and nothing if it is right.
func (h *history) wrong(n *asking) string {
	if n.answer == strange {
		return "strange answer"
	}
	if n.answer == unavailable {
		return h.absent(n)
	}
	s := n.session
	over := !s.revoking.IsZero() && !n.got.Before(s.revoking)
	switch n.about {
	case forged:
		if n.answer != refused {
			return "WRONG ALLOW: a forged token was taken"
		}
		return ""
	case otherRow:
		if n.answer == allowed {
			return "WRONG ALLOW: somebody else's row"
		}
	case ownRow:
		if n.answer == denied {
			return "wrong deny: a row of one's own"
		}
	}
	switch {
	case n.answer == refused && !over:
		return "wrong refusal of a good session"
	case n.answer != refused && !s.revoked.IsZero():
		return h.late(n)
	case n.answer != refused:
		return h.stale(n)
	}
	return ""
}

// late judges an answer about a session that was revoked.
func (h *history) late(n *asking) string {
	after := n.asked.Sub(n.session.revoked)
	cut := found(h.cut[n.replica], n.asked, 0, reconnect)
	switch {
	case n.replica == n.session.by && after > 0 && cut == nil:
		return fmt.Sprintf("WRONG ALLOW: %v after the same replica acknowledged the revocation", after)
	case cut == nil && after > reached:
		return fmt.Sprintf("WRONG ALLOW: %v after the revocation was acknowledged", after)
	case after > h.maxStale+blink:
		return fmt.Sprintf("WRONG ALLOW: %v after the revocation was acknowledged, with a store or not", after)
	}
	return h.stale(n)
}

// stale judges an answer about a good session: nobody who was cut off for so
// long may know that it is.
func (h *history) stale(n *asking) string {
	cut := found(h.cut[n.replica], n.asked, 0, 0)
	if cut != nil && cut.since(n.asked, n.got, h.maxStale+blink) {
		return fmt.Sprintf("WRONG ALLOW: an answer %v after the replica was cut off", n.asked.Sub(cut.sure))
	}
	return ""
}

// absent judges that there was no answer.
func (h *history) absent(n *asking) string {
	if found(h.down[n.replica], n.got, blink, blink) != nil || found(h.down[n.replica], n.asked, blink, blink) != nil {
		return ""
	}
	if cut := found(h.cut[n.replica], n.got, 0, reconnect); cut != nil && n.got.Sub(cut.from) > h.maxStale-reached {
		return ""
	}
	return "no answer of a replica that should have one"
}

// lie says what is not true in what a replica said of itself.
func (h *history) lie(x *health) string {
	if found(h.down[x.replica], x.got, blink, noticed) != nil || found(h.down[x.replica], x.asked, blink, noticed) != nil {
		return ""
	}
	cut := found(h.cut[x.replica], x.got, 0, reconnect)
	if cut == nil {
		cut = found(h.cut[x.replica], x.asked, 0, reconnect)
	}
	switch {
	case cut == nil && !x.grpc:
		return "not ready for questions, and nothing is wrong"
	case cut == nil && !x.http:
		return "not ready, and nothing is wrong"
	case cut == nil || !cut.to.IsZero() && !x.asked.Before(cut.to):
		return ""
	case x.grpc && cut.since(x.asked, x.got, h.maxStale+seen):
		return "ready for questions, and knows nothing"
	case !x.grpc && x.got.Sub(cut.from) < h.maxStale-reached:
		return "not ready for questions while it may answer them"
	case x.http && cut.since(x.asked, x.got, noticed):
		return "ready, and without a store"
	}
	return ""
}

// TestJudge judges answers of which one thing is wrong, and their neighbours.
func TestJudge(t *testing.T) {
	at := func(seconds float64) time.Time {
		return time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
	}
	good := &client{}
	revoked := &client{revoking: at(9.9), revoked: at(10), by: 0}
	h := &history{maxStale: 5 * time.Second}
	h.cut[2] = []span{
		{from: at(20), to: at(30), sure: at(20)},
		{from: at(50), to: at(51), sure: at(50)},
		{from: at(60), to: at(70), sure: at(63)},
		{from: at(80), to: at(90)},
		{from: at(100), to: at(110), sure: at(100), back: at(106)},
	}
	h.down[1] = []span{{from: at(20), to: at(22)}}
	for _, x := range []struct {
		replica int
		about   about
		session *client
		at      float64
		answer  answer
		wrong   string
	}{
		{1, ownRow, good, 10, allowed, ""},
		{1, ownRow, good, 10, denied, "wrong deny"},
		{1, ownRow, good, 10, refused, "wrong refusal"},
		{1, ownRow, good, 10, unavailable, "no answer"},
		{1, ownRow, good, 10, strange, "strange"},
		{1, otherRow, good, 10, denied, ""},
		{1, otherRow, good, 10, allowed, "WRONG ALLOW"},
		{1, forged, good, 10, refused, ""},
		{1, forged, good, 10, allowed, "WRONG ALLOW"},
		{1, forged, good, 10, denied, "WRONG ALLOW"},
		{1, ownRow, good, 21, unavailable, ""},
		{1, ownRow, good, 22.3, unavailable, "no answer"},
		{1, ownRow, good, 19.7, unavailable, "no answer"},
		{1, ownRow, revoked, 9.8, refused, "wrong refusal"},
		{1, ownRow, revoked, 9.95, refused, ""},
		{1, ownRow, revoked, 11.9, allowed, ""},
		{1, ownRow, revoked, 12.1, allowed, "WRONG ALLOW"},
		{1, otherRow, revoked, 12.1, denied, "WRONG ALLOW"},
		{0, ownRow, revoked, 10.1, allowed, "WRONG ALLOW"},
		{0, ownRow, revoked, 9.9, allowed, ""},
		{2, ownRow, good, 25, allowed, ""},
		{2, ownRow, good, 25.3, allowed, "WRONG ALLOW"},
		{2, otherRow, good, 25.3, denied, "WRONG ALLOW"},
		{2, ownRow, good, 22, unavailable, "no answer"},
		{2, ownRow, good, 25.3, unavailable, ""},
		{2, ownRow, good, 34.9, unavailable, ""},
		{2, ownRow, good, 35.1, unavailable, "no answer"},
		{2, ownRow, good, 30.1, allowed, ""},
		{2, ownRow, &client{revoking: at(21), revoked: at(21)}, 24.9, allowed, ""},
		{2, ownRow, &client{revoking: at(21), revoked: at(21)}, 30.1, allowed, "WRONG ALLOW"},
		{2, ownRow, &client{revoking: at(29.9), revoked: at(29.9)}, 32.5, allowed, ""},
		{2, ownRow, &client{revoking: at(29.9), revoked: at(29.9)}, 35.1, allowed, "WRONG ALLOW"},
		{2, ownRow, good, 68, allowed, ""},
		{2, ownRow, good, 68.3, allowed, "WRONG ALLOW"},
		{2, ownRow, good, 89, allowed, ""},
		{2, ownRow, good, 105.3, allowed, "WRONG ALLOW"},
		{2, ownRow, good, 106.1, allowed, ""},
		{2, ownRow, &client{revoking: at(83), revoked: at(83)}, 88.3, allowed, "WRONG ALLOW"},
		{2, ownRow, &client{revoking: at(51.5), revoked: at(51.5)}, 54, allowed, ""},
		{2, ownRow, &client{revoking: at(51.5), revoked: at(51.5)}, 56.1, allowed, "WRONG ALLOW"},
	} {
		n := asking{replica: x.replica, about: x.about, session: x.session, asked: at(x.at), got: at(x.at), answer: x.answer}
		got := h.wrong(&n)
		require.Equal(t, x.wrong == "", got == "", "%+v: %q", x, got)
		require.Contains(t, got, x.wrong, "%+v", x)
	}
	for _, x := range []struct {
		replica    int
		at         float64
		grpc, http bool
		lie        bool
	}{
		{0, 10, true, true, false},
		{0, 10, false, true, true},
		{0, 10, true, false, true},
		{1, 21, false, false, false},
		{1, 24, false, false, false},
		{1, 26, false, true, true},
		{2, 22, true, true, false},
		{2, 22, false, false, true},
		{2, 23.4, true, true, false},
		{2, 23.6, true, true, true},
		{2, 24, true, false, false},
		{2, 26, true, false, false},
		{2, 26.3, true, false, true},
		{2, 26.3, false, false, false},
		{2, 66.1, true, true, false},
		{2, 66.3, true, true, false},
		{2, 66.6, true, true, true},
		{2, 31, false, false, false},
		{2, 35.1, false, true, true},
		{2, 35.1, true, false, true},
		{2, 104, true, true, true},
		{2, 106.1, true, true, false},
	} {
		got := h.lie(&health{x.replica, at(x.at), at(x.at), x.grpc, x.http})
		require.Equal(t, x.lie, got != "", "%+v: %q", x, got)
	}
}
