// Package expression knows DynamoDB's attribute values, their sizes, equality and
// order, and the language of its expressions: conditions, filters, key conditions,
// projections and updates. It does not know what a table is, nor where items are kept.
package expression
