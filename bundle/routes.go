package bundle

import (
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/engine"
)

// Routes is routes/NAME.yaml: what calls of an HTTP API mean. A gateway that
// asks whether it may let a call through names one of these.
type Routes struct {
	Name string
	// Hosts are the hosts of the API, in lower case, with their port if it is not
	// the scheme's own. The word "*" alone stands for any, and is kept as no list.
	Hosts []string
	// API and Stage stand in the ARNs of calls: the file's name and "$default"
	// if it does not say.
	API, Stage string
	// Pool is the id of the identity pool that exchanges tokens; empty if the
	// bundle has one only.
	Pool string
	// Routes are those that there are; nil means that every call is
	// execute-api:Invoke on its own ARN.
	Routes []Route
}

// Route is what calls of one path mean.
type Route struct {
	// Methods are those of the route; nil means all.
	Methods []string
	// Path is the template: segments, where {name} is any one, and {name+} at
	// the end all that follow.
	Path string
	// Action and Resource are what a call asks for; an empty Resource is the ARN
	// of the call. In Resource and in the values of Context {name} stands for a
	// segment of the call.
	Action, Resource string
	// Context are context keys of the question. None of a session is among them.
	Context []RouteKey

	segments []segment
}

// RouteKey is a context key of a route.
type RouteKey struct{ Key, Value string }

// segment is one of a template: a text, or the name of what stands there.
type segment struct {
	text, name string
	rest       bool
}

// Call is what a call of an HTTP API asks for.
type Call struct {
	Action, Resource string
	Context          []RouteKey
}

const (
	invoke    = "execute-api:Invoke"
	anyHost   = "*"
	maxRoutes = 1000
)

// RoutesOf returns the routes of that name, which is the name of its file.
func (b *Bundle) RoutesOf(name string) (*Routes, bool) { return find(b.Routes, name) }

// Served reports whether a host is one of the API's. Case does not matter.
func (r *Routes) Served(host string) bool {
	return r.Hosts == nil || slices.Contains(r.Hosts, strings.ToLower(host))
}

// Call returns what a call asks for. path is decoded, begins with a slash and
// can be read in one way only. The route of a call is the one whose texts stand
// furthest left, of those whose path matches; if it does not have the method, or
// there are routes and none matches, ok is false. A path that ends in a slash is
// only that of a route which does too, since many servers take it for the one
// without.
func (b *Bundle) Call(r *Routes, method, path string) (c Call, ok bool) {
	own := strings.Join([]string{"arn", b.Partition, "execute-api", b.Region, b.Account, r.API + "/" + r.Stage + "/" + method + path}, ":")
	if r.Routes == nil {
		return Call{Action: invoke, Resource: own}, path == "/" || !strings.HasSuffix(path, "/")
	}
	shape := ""
	for i := range r.Routes {
		route := &r.Routes[i]
		values, matches := route.match(strings.Split(path[1:], "/"))
		switch {
		case !matches, shape != "" && shape != route.shape():
			continue
		case route.Methods != nil && !slices.Contains(route.Methods, method):
			shape = route.shape()
			continue
		}
		c = Call{Action: route.Action, Resource: own, Context: make([]RouteKey, len(route.Context))}
		if route.Resource != "" {
			c.Resource = values.Replace(route.Resource)
		}
		for j, k := range route.Context {
			c.Context[j] = RouteKey{k.Key, values.Replace(k.Value)}
		}
		return c, true
	}
	return c, false
}

// match reports whether a path is the route's, and returns what stands for its
// names.
func (r *Route) match(path []string) (*strings.Replacer, bool) {
	var pairs []string
	for i, s := range r.segments {
		switch {
		case i >= len(path):
			return nil, false
		case s.rest:
			if path[len(path)-1] == "" {
				return nil, false
			}
			pairs = append(pairs, "{"+s.name+"}", strings.Join(path[i:], "/"))
			return strings.NewReplacer(pairs...), true
		case s.name != "" && path[i] != "":
			pairs = append(pairs, "{"+s.name+"}", path[i])
		case s.name != "" || s.text != path[i]:
			return nil, false
		}
	}
	return strings.NewReplacer(pairs...), len(path) == len(r.segments)
}

// routes reads routes/NAME.yaml.
func (l *loader) routes(name string, n node) *Routes {
	r := &Routes{Name: name, API: name, Stage: "$default"}
	api, pool := n, n
	n.object("hosts, api, stage, identityPool or routes", func(member string, x node) bool {
		switch member {
		case "hosts":
			r.Hosts = hosts(x)
		case "api":
			api = x
			r.API = x.name()
		case "stage":
			r.Stage = x.name()
			if !plainName(strings.TrimPrefix(r.Stage, "$")) {
				x.fault("a stage is called with letters, digits and _-")
			}
		case "identityPool":
			pool = x
			r.Pool = x.name()
		case "routes":
			r.Routes = l.routeList(x)
		default:
			return false
		}
		return true
	})
	n.need("hosts")
	if !plainName(r.API) {
		api.fault("an API is called with letters, digits and _-: say api")
	}
	l.later(func() {
		p, ok := l.bundle.IdentityPool(r.Pool)
		switch {
		case r.Pool == "":
		case !ok:
			pool.fault("no pools/%s.yaml with an identity pool", short(r.Pool))
		default:
			r.Pool = p.ID
		}
	})
	return r
}

func plainName(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// hosts reads the hosts of an API; nil for "*".
func hosts(n node) []string {
	out := n.names()
	if slices.Equal(out, []string{anyHost}) {
		return nil
	}
	n.list(func(x node) {
		if strings.Trim(x.Value, "abcdefghijklmnopqrstuvwxyz0123456789-.:[]") != "" {
			x.fault("a host is in lower case, with a port if it is not the scheme's own; * alone means any, have %s", x.kind())
		}
	})
	if out == nil {
		n.fault("no host: * means any")
		out = []string{}
	}
	return out
}

// routeList reads routes, and puts those first whose texts stand further left.
func (l *loader) routeList(n node) []Route {
	out, places := []Route{}, []node{}
	n.list(func(x node) {
		r := l.route(x)
		for i := range out {
			if out[i].shape() == r.shape() && overlap(out[i].Methods, r.Methods) {
				x.fault("the route of line %d has the same path and method", places[i].pos().Line)
				break
			}
		}
		out, places = append(out, r), append(places, x)
	})
	if len(out) > maxRoutes {
		n.fault("more than %d routes", maxRoutes)
	}
	slices.SortStableFunc(out, func(a, b Route) int { return strings.Compare(a.ranks(), b.ranks()) })
	return out
}

// overlap reports whether some method is of both; nil stands for all.
func overlap(a, b []string) bool {
	return a == nil || b == nil || slices.ContainsFunc(a, func(m string) bool { return slices.Contains(b, m) })
}

// shape is the template without its names.
func (r *Route) shape() string {
	var b strings.Builder
	for _, s := range r.segments {
		b.WriteString("/")
		switch s.rank() {
		case restRank:
			b.WriteString("{+}")
		case nameRank:
			b.WriteString("{}")
		default:
			b.WriteString(s.text)
		}
	}
	return b.String()
}

// The ranks of segments: the more a segment matches the later it comes.
const textRank, nameRank, restRank = 'a', 'b', 'c'

func (s *segment) rank() rune {
	switch {
	case s.rest:
		return restRank
	case s.name != "":
		return nameRank
	}
	return textRank
}

func (r *Route) ranks() string {
	out := make([]rune, len(r.segments))
	for i := range r.segments {
		out[i] = r.segments[i].rank()
	}
	return string(out)
}

// route reads one route.
func (l *loader) route(n node) Route {
	r := Route{Action: invoke}
	resource, context, path := n, n, n
	n.object("methods, path, action, resource or context", func(member string, x node) bool {
		switch member {
		case "methods":
			r.Methods = methods(x)
		case "path":
			path = x
			r.Path = x.name()
		case "action":
			r.Action = x.name()
			if service, name, ok := strings.Cut(r.Action, ":"); !ok || service == "" || name == "" || strings.ContainsAny(r.Action, "*?{} ") {
				x.fault("want an action such as dynamodb:GetItem, have %s", x.kind())
			}
		case "resource":
			resource = x
			r.Resource = x.name()
		case "context":
			context = x
			x.named(false, func(key string, v node) { r.Context = append(r.Context, RouteKey{key, v.name()}) })
		default:
			return false
		}
		return true
	})
	n.need("path")
	if r.Action != invoke && r.Resource == "" {
		n.fault("no resource: %s is not asked of a call's own ARN", short(r.Action))
	}
	r.segments = path.template(r.Path)
	r.checkNames(resource, context)
	l.checkKeys(&r, context)
	return r
}

func methods(n node) []string {
	out := n.names()
	n.list(func(x node) {
		if strings.Trim(x.Value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			x.fault("a method is in capital letters, have %s", x.kind())
		}
	})
	return out
}

// template reads the template of a path.
func (n node) template(path string) []segment {
	if path == "" {
		return nil
	}
	if !strings.HasPrefix(path, "/") {
		n.fault("a path begins with /, have %s", n.kind())
		return nil
	}
	var out []segment
	parts := strings.Split(path[1:], "/")
	for i, p := range parts {
		s := segment{text: p}
		if name, ok := strings.CutPrefix(p, "{"); ok && strings.HasSuffix(name, "}") {
			s = segment{name: strings.TrimSuffix(name, "}")}
			s.name, s.rest = strings.CutSuffix(s.name, "+")
		}
		last := i == len(parts)-1
		switch {
		case s.rest && !last:
			n.fault("{%s+} stands at the end", short(s.name))
		case s.text == "" && s.name == "" && !last, s.text == ".", s.text == "..", strings.ContainsAny(s.text, `{}%;\?#*`), s.text == "" && s.name == "" && p != "":
			n.fault("a segment is a text, {name}, or {name+} at the end, have %q", short(p))
		case s.name != "" && !plainName(s.name):
			n.fault("a name has letters, digits and _-, have %q", short(s.name))
		case s.name != "" && slices.ContainsFunc(out, func(o segment) bool { return o.name == s.name }):
			n.fault("{%s} stands twice", s.name)
		}
		out = append(out, s)
	}
	return out
}

// checkNames refuses names that the path does not have, and an ARN whose account
// or service a call would choose.
func (r *Route) checkNames(resource, context node) {
	var names []string
	for _, s := range r.segments {
		if s.name != "" {
			names = append(names, "{"+s.name+"}", "")
		}
	}
	left := strings.NewReplacer(names...)
	if r.Resource != "" {
		parts, ok := splitARN(r.Resource)
		switch {
		case !ok || parts[0] != "arn" || strings.ContainsAny(strings.Join(parts[:5], ":"), "{}*?"):
			resource.fault("want an ARN of six parts with names in the last alone, have %s", resource.kind())
		case strings.ContainsAny(left.Replace(r.Resource), "{}*?"):
			resource.fault("names are those of the path, and there are no wildcards, have %s", resource.kind())
		}
	}
	for _, k := range r.Context {
		if strings.ContainsAny(left.Replace(k.Value), "{}") {
			context.member(k.Key).fault("names are those of the path")
		}
	}
}

// checkKeys refuses context keys that a route cannot set.
func (l *loader) checkKeys(r *Route, context node) {
	asked := l.bundle.vocabulary.NewContext()
	for _, k := range r.Context {
		if engine.SessionKey(k.Key) {
			context.member(k.Key).fault("only a session sets this key")
		} else if err := asked.Set(k.Key); err != nil {
			context.member(k.Key).fault("%v", err)
		}
	}
}
