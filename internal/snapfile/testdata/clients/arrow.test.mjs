// Reads an exported snapshot's tables with apache-arrow and compares them with what Go says is in them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { tableFromIPC } from "apache-arrow";

const want = JSON.parse(readFileSync(`${process.env.DIR}/want.json`, "utf8"));

// cell gives a value as Go wrote it: decimals as texts with four digits behind the point, moments in microseconds.
function cell(column, i) {
  const value = column.get(i);
  if (value === null) return null;
  const type = String(column.type);
  if (type.startsWith("Decimal")) {
    const words = [...new Uint32Array(value.buffer, value.byteOffset, 4)];
    const n = BigInt.asIntN(128, words.reduceRight((sum, w) => (sum << 32n) | BigInt(w), 0n));
    const digits = String(n < 0n ? -n : n).padStart(5, "0");
    return `${n < 0n ? "-" : ""}${digits.slice(0, -4)}.${digits.slice(-4)}`;
  }
  if (type.startsWith("Timestamp")) return String(column.data[0].values[i]); // the number itself: get() rounds to milliseconds
  return value;
}

for (const [name, table] of Object.entries(want)) {
  test(name, () => {
    const got = tableFromIPC(readFileSync(`${process.env.DIR}/${name}`));
    assert.equal(got.numRows, table.rows);
    assert.deepEqual(Object.fromEntries(got.schema.fields.map((f) => [f.name, String(f.type)])), table.columns);
    for (const [row, cells] of Object.entries(table.values)) {
      for (const [column, value] of Object.entries(cells)) {
        assert.deepEqual(cell(got.getChild(column), Number(row)), value, `${column} of row ${row}`);
      }
    }
  });
}
