package host

import (
	"context"
	"errors"
	"net/url"

	"cfubench/meter"
	"cfubench/meter/agent"
	"cfubench/meter/ptd"
	"cfubench/meter/redfish"
	"cfubench/meter/scrape"
)

// The families that are asked over the network.

func openScrape(ctx context.Context, o Options, address string) ([]meter.Source, []meter.Refusal, error) {
	if err := checkURL(address); err != nil {
		return nil, nil, err
	}
	sources, left := scrape.Open(ctx, o.Clock, address)
	return sources, left, nil
}

func openRedfish(ctx context.Context, o Options, address string) ([]meter.Source, []meter.Refusal, error) {
	if err := checkURL(address); err != nil {
		return nil, nil, err
	}
	sources, left := redfish.Open(ctx, o.Clock, address, redfish.CredentialsFromEnv(o.Getenv))
	return sources, left, nil
}

func openPTD(ctx context.Context, o Options, address string) ([]meter.Source, []meter.Refusal, error) {
	address, err := ptd.Address(address)
	if err != nil {
		return nil, nil, err
	}
	sources, left := ptd.Open(ctx, o.Clock, address)
	return sources, left, nil
}

func openAgent(ctx context.Context, o Options, address string) ([]meter.Source, []meter.Refusal, error) {
	if err := agent.CheckAddress(address); err != nil {
		return nil, nil, err
	}
	sources, left := agent.Dial(ctx, o.Clock, address, agent.CredentialsFromEnv(o.Getenv))
	return sources, left, nil
}

// checkURL refuses an address that no request can be sent to.
func checkURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("want an address such as http://host:9400/metrics")
	}
	return nil
}
