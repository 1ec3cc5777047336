package redfish

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/stmcginnis/gofish/schemas"
)

// client asks a BMC for resources, one at a time, since a BMC is small. It is what the
// library's generic functions need to read: gofish's own client links the types of all of
// Redfish into the program, 7 MB.
type client struct {
	schemas.Client // nil: nothing is ever written
	ctx            context.Context
	http           *http.Client
	turn           *sync.Mutex
	base           string // https://bmc.example
	credentials    Credentials
}

// within is the client whose questions end with ctx.
func (c *client) within(ctx context.Context) *client {
	other := *c
	other.ctx = ctx
	return &other
}

// GetSettings implements schemas.Client.
func (c *client) GetSettings() schemas.ClientSettings { return schemas.ClientSettings{} }

// Get implements schemas.Client: path is below the BMC's address.
func (c *client) Get(path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(c.ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if c.credentials.User != "" && c.credentials.Password != "" {
		// Basic authentication leaves no session behind on a BMC that has few.
		req.SetBasicAuth(c.credentials.User, c.credentials.Password)
	}
	c.turn.Lock()
	resp, err := c.http.Do(req)
	c.turn.Unlock()
	if err != nil || resp.StatusCode == http.StatusOK {
		return resp, err
	}
	defer schemas.DeferredCleanupHTTPResponse(resp)
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", resp.Status, err)
	}
	return nil, schemas.ConstructError(resp.StatusCode, said)
}

// The resources on the way to a figure, as far as they are read.
type (
	service struct {
		schemas.Entity
		Systems, Chassis schemas.Link
	}
	system struct {
		schemas.Entity
		Links struct{ Chassis schemas.Links }
	}
	chassis struct {
		schemas.Entity
		EnvironmentMetrics, Power schemas.Link
	}
)
