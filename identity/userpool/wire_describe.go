package userpool

// DescribeUserPoolInput is the input of DescribeUserPool.
type DescribeUserPoolInput struct {
	UserPoolID string `json:"UserPoolId"`
}

// DescribeUserPoolOutput is the output of DescribeUserPool.
type DescribeUserPoolOutput struct {
	UserPool *Description `json:"UserPool"`
}

// DescribeUserPoolClientInput is the input of DescribeUserPoolClient.
type DescribeUserPoolClientInput struct {
	UserPoolID string `json:"UserPoolId"`
	ClientID   string `json:"ClientId"`
}

// DescribeUserPoolClientOutput is the output of DescribeUserPoolClient.
type DescribeUserPoolClientOutput struct {
	UserPoolClient *ClientDescription `json:"UserPoolClient"`
}

// ListUserPoolsInput is the input of ListUserPools.
type ListUserPoolsInput struct {
	MaxResults int    `json:"MaxResults"`
	NextToken  string `json:"NextToken"`
}

// ListUserPoolsOutput is the output of ListUserPools.
type ListUserPoolsOutput struct {
	UserPools []Summary `json:"UserPools"`
	NextToken string    `json:"NextToken,omitempty"`
}

// ListUserPoolClientsInput is the input of ListUserPoolClients.
type ListUserPoolClientsInput struct {
	UserPoolID string `json:"UserPoolId"`
	MaxResults int    `json:"MaxResults"`
	NextToken  string `json:"NextToken"`
}

// ListUserPoolClientsOutput is the output of ListUserPoolClients.
type ListUserPoolClientsOutput struct {
	UserPoolClients []ClientSummary `json:"UserPoolClients"`
	NextToken       string          `json:"NextToken,omitempty"`
}
