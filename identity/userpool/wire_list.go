package userpool

// AdminListGroupsForUserInput is the input of AdminListGroupsForUser.
type AdminListGroupsForUserInput struct {
	UserPoolID string `json:"UserPoolId"`
	Username   string `json:"Username"`
	Limit      int    `json:"Limit"`
	NextToken  string `json:"NextToken"`
}

// AdminListGroupsForUserOutput is the output of AdminListGroupsForUser.
type AdminListGroupsForUserOutput struct {
	Groups    []Group `json:"Groups"`
	NextToken string  `json:"NextToken,omitempty"`
}

// ListUsersInput is the input of ListUsers.
type ListUsersInput struct {
	UserPoolID      string   `json:"UserPoolId"`
	AttributesToGet []string `json:"AttributesToGet"`
	Limit           int      `json:"Limit"`
	PaginationToken string   `json:"PaginationToken"`
	Filter          string   `json:"Filter"`
}

// ListUsersOutput is the output of ListUsers.
type ListUsersOutput struct {
	Users           []User `json:"Users"`
	PaginationToken string `json:"PaginationToken,omitempty"`
}

// ListUsersInGroupInput is the input of ListUsersInGroup.
type ListUsersInGroupInput struct {
	UserPoolID string `json:"UserPoolId"`
	GroupName  string `json:"GroupName"`
	Limit      int    `json:"Limit"`
	NextToken  string `json:"NextToken"`
}

// ListUsersInGroupOutput is the output of ListUsersInGroup.
type ListUsersInGroupOutput struct {
	Users     []User `json:"Users"`
	NextToken string `json:"NextToken,omitempty"`
}

// ListGroupsInput is the input of ListGroups.
type ListGroupsInput struct {
	UserPoolID string `json:"UserPoolId"`
	Limit      int    `json:"Limit"`
	NextToken  string `json:"NextToken"`
}

// ListGroupsOutput is the output of ListGroups.
type ListGroupsOutput struct {
	Groups    []Group `json:"Groups"`
	NextToken string  `json:"NextToken,omitempty"`
}

// GetGroupInput is the input of GetGroup.
type GetGroupInput struct {
	UserPoolID string `json:"UserPoolId"`
	GroupName  string `json:"GroupName"`
}

// GetGroupOutput is the output of GetGroup.
type GetGroupOutput struct {
	Group *Group `json:"Group"`
}
