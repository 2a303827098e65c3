package userpool

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

// TestThreatUserEnumerationByTime holds that the median time of a call is the
// same for users and for names that nobody has, but for noise: a hash or an
// exponentiation that only one of them costs would be seen.
func TestThreatUserEnumerationByTime(t *testing.T) {
	const tries = 30
	f := newFixture(t, plainPool)
	hash := weakHash
	hash.Memory = 4096 // takes milliseconds, as everything else does not
	f.options.HashParams = &hash
	var err error
	f.Directory, err = New(context.Background(), testConfigs()[:1], f.options)
	require.NoError(t, err)
	for i := range tries {
		f.user(plainPool, fmt.Sprint("user", i), email(fmt.Sprintf("user%d@example.com", i))...)
	}
	begin := func(name string) map[string]Sensitive {
		values, err := f.srpAnswers(web, name, otherSecret)
		require.NoError(t, err)
		return values
	}
	for name, call := range map[string]struct {
		prepare func(string) map[string]Sensitive
		run     func(string, map[string]Sensitive) error
	}{
		"password": {run: func(name string, _ map[string]Sensitive) error {
			_, err := f.signIn(web, name, otherSecret)
			f.refused(err, identity.NotAuthorized)
			return nil
		}},
		"SRP, begin": {run: func(name string, _ map[string]Sensitive) error {
			_, err := f.InitiateAuth(ctx, &InitiateAuthInput{AuthFlow: flowSRP, ClientID: web, AuthParameters: map[string]Sensitive{
				"USERNAME": Sensitive(name), "SRP_A": "0123456789abcdef",
			}})
			return err
		}},
		"SRP, proof": {prepare: begin, run: func(_ string, values map[string]Sensitive) error {
			_, err := f.respond(web, challengeVerifier, "", values)
			f.refused(err, identity.NotAuthorized)
			return nil
		}},
		"forgotten password": {run: func(name string, _ map[string]Sensitive) error {
			_, err := f.ForgotPassword(ctx, &ForgotPasswordInput{ClientID: web, Username: name})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			measure := func() float64 {
				times := map[string][]time.Duration{}
				for i := range tries {
					for _, who := range []string{"user", "nobody"} {
						var values map[string]Sensitive
						if call.prepare != nil {
							values = call.prepare(fmt.Sprint(who, i))
						}
						begun := time.Now()
						require.NoError(t, call.run(fmt.Sprint(who, i), values))
						times[who] = append(times[who], time.Since(begun))
					}
				}
				f.clock.pass(25 * time.Hour) // the counters of misses begin anew
				slices.Sort(times["user"])
				slices.Sort(times["nobody"])
				return float64(times["user"][tries/2]) / float64(times["nobody"][tries/2])
			}
			var ratio float64
			for range 8 { // others use the machine too
				if ratio = measure(); ratio > 0.6 && ratio < 1.6 {
					return
				}
			}
			t.Fatalf("users take %.2f times as long", ratio)
		})
	}
}
