package usage

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

// Month is what was used in a month. Pools are sorted by id.
type Month struct {
	// Month is YYYY-MM, in UTC.
	Month         string         `json:"month"`
	UserPools     []UserPool     `json:"userPools"`
	IdentityPools []IdentityPool `json:"identityPools"`
	// Decisions counts those of questions and of gateways, each row of a question
	// about rows as one.
	Decisions uint64 `json:"decisions"`
}

// UserPool says how many users were active. Uncounted is how often one was whom
// no process could remember, absent if that never was.
type UserPool struct {
	Pool        string `json:"pool"`
	ActiveUsers uint64 `json:"activeUsers"`
	Uncounted   uint64 `json:"uncounted,omitempty"`
}

// IdentityPool says how many times identities were given credentials.
type IdentityPool struct {
	Pool            string `json:"pool"`
	Authentications uint64 `json:"authentications"`
}

// ErrMonth means a month that is not written YYYY-MM.
var ErrMonth = errors.New("want a month such as 2026-11")

// Read sums up what all processes have written of a month, with the given pools
// even if nobody used them.
func Read(ctx context.Context, store identity.Store, month string, userPools, identityPools []string) (*Month, error) {
	if at, err := time.Parse(monthFormat, month); err != nil || MonthOf(at) != month {
		return nil, ErrMonth
	}
	var sums map[counter]uint64
	err := store.View(ctx, func(tx identity.Tx) (err error) {
		sums, err = sum(tx, month)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, pool := range userPools {
		sums[counter{month, ofUsers, pool}] += 0
	}
	for _, pool := range identityPools {
		sums[counter{month, ofAuthentications, pool}] += 0
	}
	out := &Month{Month: month, UserPools: []UserPool{}, IdentityPools: []IdentityPool{}, Decisions: sums[counter{month, ofDecisions, ""}]}
	for _, c := range slices.SortedFunc(maps.Keys(sums), counter.compare) {
		switch c.of {
		case ofUsers:
			out.UserPools = append(out.UserPools, UserPool{c.pool, sums[c], sums[counter{month, ofLost, c.pool}]})
		case ofAuthentications:
			out.IdentityPools = append(out.IdentityPools, IdentityPool{c.pool, sums[c]})
		}
	}
	return out, nil
}

// page is how many counters are read at once.
const page = 500

func sum(tx identity.Tx, month string) (map[counter]uint64, error) {
	sums := map[counter]uint64{}
	for after := ""; ; {
		records, err := tx.List(kindCounter, month, after, page)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			v, err := parseCounter(r)
			if err != nil {
				return nil, err
			}
			sums[counter{month, v.Of, v.Pool}] += v.N
			after = r.Key
		}
		if len(records) < page {
			return sums, nil
		}
	}
}

// Month writes what this process has counted and returns the month; empty means
// the one that is. Other processes write every few seconds.
func (m *Meter) Month(ctx context.Context, month string, userPools, identityPools []string) (*Month, error) {
	if month == "" {
		month = MonthOf(m.options.Now())
	}
	if err := m.Write(ctx); err != nil {
		return nil, err
	}
	return Read(ctx, m.options.Store, month, userPools, identityPools)
}
