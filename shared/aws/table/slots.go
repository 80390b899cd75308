package table

import (
	"context"
	"time"

	"zapas/shared/profile"
)

// Slots are the rows P / SLOT#<profile>: the newest slot that a tick has recorded. They stand apart from profiles, so that
// ticks and edits never contend.
type Slots rows

var _ profile.Slots = Slots{}

type slotRow struct {
	Slot time.Time `dynamodbav:"slot"`
	At   time.Time `dynamodbav:"at"`
}

func slotKey(id profile.ID) key { return key{"P", "SLOT#" + string(id)} }

// Record stores a slot unless one as new is there.
func (t Slots) Record(ctx context.Context, id profile.ID, slot, at time.Time) error {
	row, err := encode(slotKey(id), slotRow{Slot: slot, At: at})
	if err != nil {
		return err
	}
	return rows(t).put(ctx, row, "slot", absent+" OR slot < :slot", item{":slot": text(stamp(slot))})
}

// Slot reads the newest.
func (t Slots) Slot(ctx context.Context, id profile.ID) (time.Time, error) {
	var r slotRow
	_, err := rows(t).get(ctx, slotKey(id), "slot", &r)
	return r.Slot, err
}

// Positions are the rows P / WATCH#<part>: where each part of the watch goes on. To lose one costs work, and nothing else.
type Positions rows

type positionRow struct {
	Position string    `dynamodbav:"position,omitempty"`
	At       time.Time `dynamodbav:"at"`
}

func positionKey(part string) key { return key{"P", "WATCH#" + part} }

// Position reads one; "" when there is none.
func (t Positions) Position(ctx context.Context, part string) (string, error) {
	var r positionRow
	_, err := rows(t).get(ctx, positionKey(part), "position", &r)
	return r.Position, err
}

// SetPosition stores one in the place of another. Of two at once either stays.
func (t Positions) SetPosition(ctx context.Context, part, position string, at time.Time) error {
	row, err := encode(positionKey(part), positionRow{Position: position, At: at})
	if err != nil {
		return err
	}
	return rows(t).put(ctx, row, "position", "", nil)
}
