package table

import (
	"context"
	"time"

	"zapas/shared/caller"
)

// Tokens are the rows J#<device> / <token id>: tokens of devices that have served their one request.
type Tokens rows

// UseToken has a token serve a request; fault.Conflict when another request had it. The row may go when the token has
// expired. A request that is asked again, since an answer was lost on the way, meets its own row and is served.
func (t Tokens) UseToken(ctx context.Context, device caller.DeviceID, id, request string, until time.Time) error {
	row := key{"J#" + string(device), id}.attributes()
	row["served"], row["ttl"] = text(request), number(until.Unix())
	return rows(t).put(ctx, row, "token", absent+" OR served = :request", item{":request": text(request)})
}
