package policy

// Kind is the type of a policy: it decides what a document may hold and what
// it can grant. The zero value is no kind; Validate refuses it. Source: IAM
// User Guide, "Policies and permissions in IAM"; iam-semantics §1.3, §4.1.
type Kind uint8

// The kinds of policy.
const (
	Identity Kind = iota + 1
	Boundary
	Session
	Endpoint
	Resource
	Trust
	ServiceControl
	ResourceControl
)

var kindNames = [...]string{
	"unknown", "identity", "permissionsBoundary", "session", "endpoint",
	"resource", "trust", "serviceControl", "resourceControl",
}

// String returns the name that scenarios use, such as "permissionsBoundary".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[0]
}

// ParseKind reads the name that String returns.
func ParseKind(name string) (Kind, bool) {
	for k := Identity; k <= ResourceControl; k++ {
		if kindNames[k] == name {
			return k, true
		}
	}
	return 0, false
}

// grammar is one row of the table of iam-semantics §1.3.
type grammar struct {
	principal   bool // required, else forbidden
	not         bool // NotPrincipal is allowed
	id          bool // Id is allowed
	notAction   bool
	noResource  bool // neither Resource nor NotResource, else one is required
	federated   bool // Federated principals are allowed
	plainSid    bool // letters and digits, unique
	denyOnly    bool
	everyone    bool // Principal must be "*"
	needVersion bool // Version must be 2012-10-17
	// limit is how large a document may be; white space counts if blanks.
	limit  int
	blanks bool
}

var grammars = [...]grammar{
	Identity:        {notAction: true, plainSid: true, limit: 6144},
	Boundary:        {notAction: true, plainSid: true, limit: 6144},
	Session:         {notAction: true, plainSid: true, limit: 2048},
	Endpoint:        {principal: true, not: true, id: true, notAction: true, limit: 20480, blanks: true},
	Resource:        {principal: true, not: true, id: true, notAction: true, limit: 20480},
	Trust:           {principal: true, id: true, noResource: true, federated: true, limit: 2048},
	ServiceControl:  {id: true, notAction: true, limit: 10240, blanks: true},
	ResourceControl: {principal: true, id: true, everyone: true, denyOnly: true, needVersion: true, limit: 5120, blanks: true},
}
