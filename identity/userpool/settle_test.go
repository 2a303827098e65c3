package userpool

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
)

func TestNewRefuses(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct {
		change  func(*Config)
		message string
	}{
		"id":                  {func(c *Config) { c.ID = "pool" }, "an id is such as"},
		"id with a dash":      {func(c *Config) { c.ID = "us-east-1_a-b" }, "an id is such as"},
		"id without a name":   {func(c *Config) { c.ID = "us-east-1_" }, "an id is such as"},
		"id with a slash":     {func(c *Config) { c.ID = "us-east-1_a/b" }, "an id is such as"},
		"MFA":                 {func(c *Config) { c.MFA = "SOMETIMES" }, "MFA"},
		"sign-in by phone":    {func(c *Config) { c.UsernameAttributes = []string{"phone_number"} }, "username attribute"},
		"alias":               {func(c *Config) { c.AliasAttributes = []string{"name"} }, "alias attribute"},
		"both":                {func(c *Config) { c.UsernameAttributes, c.AliasAttributes = []string{"email"}, []string{"email"} }, "exclude each other"},
		"verified":            {func(c *Config) { c.AutoVerified = []string{"phone_number"} }, "auto-verified"},
		"short passwords":     {func(c *Config) { c.Password.MinimumLength = 5 }, "minimum length"},
		"temporary for ever":  {func(c *Config) { c.Password.TemporaryDays = 366 }, "temporary"},
		"attribute":           {func(c *Config) { c.Attributes = []AttributeConfig{{Name: "team"}} }, "attribute"},
		"attribute of ours":   {func(c *Config) { c.Attributes = []AttributeConfig{{Name: "email_verified"}} }, "attribute"},
		"attribute twice":     {func(c *Config) { c.Attributes = []AttributeConfig{{Name: "name"}, {Name: "name"}} }, "twice"},
		"attribute bounds":    {func(c *Config) { c.Attributes = []AttributeConfig{{Name: "name", Min: 3, Max: 2}} }, "lengths"},
		"group twice":         {func(c *Config) { c.Groups = []GroupConfig{{Name: "a"}, {Name: "a"}} }, "twice"},
		"group without name":  {func(c *Config) { c.Groups = []GroupConfig{{}} }, "group"},
		"precedence":          {func(c *Config) { c.Groups = []GroupConfig{{Name: "a", Precedence: -2}} }, "precedence"},
		"client id":           {func(c *Config) { c.Clients[0].ID = "a b" }, "client"},
		"client twice":        {func(c *Config) { c.Clients = append(c.Clients, c.Clients[0]) }, "twice"},
		"client without flow": {func(c *Config) { c.Clients[0].Flows = []string{"ALLOW_USER_SRP_AUTH"} }, "flow"},
		"client reads":        {func(c *Config) { c.Clients[0].ReadAttributes = []string{"custom:none"} }, "attribute"},
		"no secret":           {func(c *Config) { c.Clients[0].HasSecret = true }, "secret"},
		"short life":          {func(c *Config) { c.Clients[0].AccessTokenLife = time.Minute }, "access token life"},
		"long life":           {func(c *Config) { c.Clients[0].RefreshTokenLife = 4000 * 24 * time.Hour }, "refresh token life"},
		"long session":        {func(c *Config) { c.Clients[0].SessionLife = time.Hour }, "session life"},
		"callback in clear":   {func(c *Config) { c.Clients[0].CallbackURLs = []string{"http://app.example/"} }, "want https, or http on loopback"},
		"logout anywhere":     {func(c *Config) { c.Clients[0].LogoutURLs = []string{"https://*.example/"} }, "without wildcards"},
		"two scopes in one":   {func(c *Config) { c.Clients[0].Scopes = []string{"openid admin"} }, "scope"},
		"long grace":          {func(c *Config) { c.Clients[0].RotateGrace = time.Hour }, "grace"},
	} {
		t.Run(name, func(t *testing.T) {
			config := testConfigs()[1]
			config.Clients = append([]ClientConfig{}, config.Clients...)
			_, err := New(ctx, []Config{config}, f.options)
			require.NoError(t, err)
			c.change(&config)
			_, err = New(ctx, []Config{config}, f.options)
			require.ErrorContains(t, err, c.message)
		})
	}
	_, err := New(ctx, append(testConfigs(), testConfigs()[0]), f.options)
	require.ErrorContains(t, err, "there twice")
	stolen := testConfigs()[1]
	stolen.Clients = []ClientConfig{{ID: web}}
	_, err = New(ctx, []Config{testConfigs()[0], stolen}, f.options)
	require.ErrorContains(t, err, "there twice", "client ids are unique over all pools")
	for name, change := range map[string]func(*Options){
		"store": func(o *Options) { o.Store = nil }, "storage": func(o *Options) { o.Storage = nil }, "sessions": func(o *Options) { o.Sessions = nil },
		"sender": func(o *Options) { o.Sender = nil }, "issuer": func(o *Options) { o.Issuer = nil }, "clock": func(o *Options) { o.Now = nil },
		"randomness": func(o *Options) { o.Random = nil }, "no issuer": func(o *Options) { o.Issuer = func(string) string { return "" } },
		"secret": func(o *Options) { o.Secrets = nil }, "short secret": func(o *Options) { o.Secrets = map[string]identity.Secret{private: identity.NewSecret([]byte("short"))} },
	} {
		o := f.options
		change(&o)
		_, err := New(ctx, testConfigs(), o)
		require.Error(t, err, name)
	}
}

func TestNewLeavesTheConfiguration(t *testing.T) {
	f := newFixture(t)
	configs := testConfigs()
	_, err := New(ctx, configs, f.options)
	require.NoError(t, err)
	require.Equal(t, testConfigs(), configs)
}

func TestKeysStay(t *testing.T) {
	f := newFixture(t)
	again, err := New(ctx, testConfigs(), f.options)
	require.NoError(t, err)
	one, ok := f.KeySet(plainPool)
	require.True(t, ok)
	two, ok := again.KeySet(plainPool)
	require.True(t, ok)
	a, err := one.MarshalJSON()
	require.NoError(t, err)
	b, err := two.MarshalJSON()
	require.NoError(t, err)
	require.JSONEq(t, string(a), string(b))
	_, ok = f.KeySet("us-east-1_None")
	require.False(t, ok)
}

func TestHardWorkEndsWithItsCaller(t *testing.T) {
	f := newFixture(t)
	f.user(plainPool, "jane")
	for range cap(f.work) {
		f.work <- struct{}{}
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, err := f.signInFrom(gone, web, "jane", password)
	require.ErrorIs(t, err, context.Canceled)
	for range cap(f.work) {
		<-f.work
	}
	f.tokens(web, "jane")
}
