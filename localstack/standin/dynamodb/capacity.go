package dynamodb

import (
	"maps"
	"slices"

	"zapas/localstack/standin/dynamodb/expression"
)

// Units and limits of size: pages "DynamoDB read and write operations" and "Quotas in Amazon DynamoDB".
const (
	writeUnit  = 1 << 10
	readUnit   = 4 << 10
	maxItem    = 400 << 10
	maxPage    = 1 << 20
	maxPayload = 4 << 20
	maxActions = 100
	maxRequest = 16 << 20
)

// units is a size in whole units; an item that is not there costs one as well.
func units(size, unit int) float64 {
	return float64(max((size+unit-1)/unit, 1))
}

// readUnits are what reading size bytes costs.
func readUnits(size int, consistent bool) float64 {
	if consistent {
		return units(size, readUnit)
	}
	return units(size, readUnit) / 2
}

// bill is what a request consumed of one table.
type bill struct {
	table   float64
	indexes map[string]float64
}

func (b bill) total() float64 {
	sum := b.table
	for _, u := range b.indexes {
		sum += u
	}
	return sum
}

// times is the bill of a transaction, which costs twice.
func (b bill) times(factor float64) bill {
	scaled := bill{table: b.table * factor, indexes: map[string]float64{}}
	for name, u := range b.indexes {
		scaled.indexes[name] = u * factor
	}
	return scaled
}

func (b bill) plus(other bill) bill {
	sum := bill{table: b.table + other.table, indexes: maps.Clone(b.indexes)}
	for name, u := range other.indexes {
		if sum.indexes == nil {
			sum.indexes = map[string]float64{}
		}
		sum.indexes[name] += u
	}
	return sum
}

// writeBill is what replacing old by new costs, as page "Using Global Secondary
// Indexes in DynamoDB" counts the indexes: one write where an entry appears, goes or
// changes, two where it moves, none where it stays the same. nil is no item.
func (t Table) writeBill(old, new item) bill {
	b := bill{table: units(max(expression.SizeOf(old), expression.SizeOf(new)), writeUnit), indexes: map[string]float64{}}
	for _, x := range t.Indexes {
		before, after := x.entry(t, old), x.entry(t, new)
		switch {
		case before == nil && after == nil, before != nil && after != nil && expression.EqualItems(before, after):
		case before != nil && after != nil && !expression.EqualItems(x.Key.of(before), x.Key.of(after)):
			b.indexes[x.Name] = units(expression.SizeOf(before), writeUnit) + units(expression.SizeOf(after), writeUnit)
		default:
			b.indexes[x.Name] = units(max(expression.SizeOf(before), expression.SizeOf(after)), writeUnit)
		}
	}
	return b
}

// consumed is a bill as it is sent. Only transactions tell reads and writes apart.
type consumed struct {
	TableName              string
	CapacityUnits          float64
	ReadCapacityUnits      float64                 `json:",omitzero"`
	WriteCapacityUnits     float64                 `json:",omitzero"`
	Table                  *consumedPart           `json:",omitzero"`
	GlobalSecondaryIndexes map[string]consumedPart `json:",omitempty"`
}

type consumedPart struct {
	CapacityUnits      float64
	ReadCapacityUnits  float64 `json:",omitzero"`
	WriteCapacityUnits float64 `json:",omitzero"`
}

// The kinds of bill.
const (
	single           = "" // not told apart
	transactionRead  = "read"
	transactionWrite = "write"
)

// send gives the bill in the detail that was asked for: nothing, "TOTAL" or "INDEXES".
func (b bill) send(table, detail, kind string) *consumed {
	if detail != "TOTAL" && detail != "INDEXES" {
		return nil
	}
	total := part(b.total(), kind)
	c := &consumed{TableName: table, CapacityUnits: total.CapacityUnits,
		ReadCapacityUnits: total.ReadCapacityUnits, WriteCapacityUnits: total.WriteCapacityUnits}
	if detail == "TOTAL" {
		return c
	}
	own := part(b.table, kind)
	c.Table = &own
	c.GlobalSecondaryIndexes = map[string]consumedPart{}
	for name, u := range b.indexes {
		c.GlobalSecondaryIndexes[name] = part(u, kind)
	}
	return c
}

func part(u float64, kind string) consumedPart {
	p := consumedPart{CapacityUnits: u}
	switch kind {
	case transactionRead:
		p.ReadCapacityUnits = u
	case transactionWrite:
		p.WriteCapacityUnits = u
	}
	return p
}

// sendBills gives the bills of several tables in the order of their names.
func sendBills(bills map[string]bill, detail, kind string) []*consumed {
	var sent []*consumed
	for _, name := range slices.Sorted(maps.Keys(bills)) {
		if c := bills[name].send(name, detail, kind); c != nil {
			sent = append(sent, c)
		}
	}
	return sent
}
