package userpool

// AdminUserGlobalSignOutInput is the input of AdminUserGlobalSignOut.
type AdminUserGlobalSignOutInput struct {
	UserPoolID string `json:"UserPoolId"`
	Username   string `json:"Username"`
}

// AdminUserGlobalSignOutOutput is empty.
type AdminUserGlobalSignOutOutput struct{}

// AdminDisableUserInput is the input of AdminDisableUser.
type AdminDisableUserInput struct {
	UserPoolID string `json:"UserPoolId"`
	Username   string `json:"Username"`
}

// AdminDisableUserOutput is empty.
type AdminDisableUserOutput struct{}

// AdminEnableUserInput is the input of AdminEnableUser.
type AdminEnableUserInput struct {
	UserPoolID string `json:"UserPoolId"`
	Username   string `json:"Username"`
}

// AdminEnableUserOutput is empty.
type AdminEnableUserOutput struct{}

// AdminDeleteUserInput is the input of AdminDeleteUser.
type AdminDeleteUserInput struct {
	UserPoolID string `json:"UserPoolId"`
	Username   string `json:"Username"`
}

// AdminDeleteUserOutput is empty.
type AdminDeleteUserOutput struct{}

// AdminAddUserToGroupInput is the input of AdminAddUserToGroup.
type AdminAddUserToGroupInput struct {
	UserPoolID string `json:"UserPoolId"`
	Username   string `json:"Username"`
	GroupName  string `json:"GroupName"`
}

// AdminAddUserToGroupOutput is empty.
type AdminAddUserToGroupOutput struct{}

// AdminRemoveUserFromGroupInput is the input of AdminRemoveUserFromGroup.
type AdminRemoveUserFromGroupInput struct {
	UserPoolID string `json:"UserPoolId"`
	Username   string `json:"Username"`
	GroupName  string `json:"GroupName"`
}

// AdminRemoveUserFromGroupOutput is empty.
type AdminRemoveUserFromGroupOutput struct{}
