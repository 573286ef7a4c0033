-- The five checks as of 2026-11-22 06:00 UTC. SQLite and Postgres take the same text.
WITH stays AS (
    SELECT m.stage, n.at - m.at AS length
    FROM deals d JOIN moves m ON m.deal = d.deal JOIN moves n ON n.deal = m.deal AND n.seq = m.seq + 1 JOIN stages s ON s.stage = m.stage
    WHERE d.status = 1 AND s.kind = 0 AND n.at > 1795327200000000 - 31536000000000
), ranked AS (
    SELECT stage, length, row_number() OVER (PARTITION BY stage ORDER BY length) AS place, count(*) OVER (PARTITION BY stage) AS n FROM stays
), limits AS (
    SELECT stage, length AS most FROM ranked WHERE place = (n * 9 + 9) / 10
)
SELECT 'stale', count(*) FROM deals d LEFT JOIN limits l ON l.stage = d.stage
WHERE d.status = 0 AND 1795327200000000 - d.entered > coalesce(l.most, 0);

SELECT 'skipped', count(*) FROM (
    SELECT d.deal FROM deals d JOIN moves m ON m.deal = d.deal JOIN stages s ON s.stage = m.stage
    WHERE d.status = 0 GROUP BY d.deal HAVING max(s.ord) - min(s.ord) + 1 > count(*)
) AS skipping;

SELECT 'past', count(*) FROM deals WHERE status = 0 AND close_date <> 0 AND close_date < 1795305600000000;

SELECT 'reasonless', count(*) FROM deals WHERE status = 2 AND closed > 1795327200000000 - 31536000000000 AND reason = '';

SELECT m.stage || '>' || n.stage, count(*) FROM moves m JOIN moves n ON n.deal = m.deal AND n.seq = m.seq + 1 GROUP BY m.stage, n.stage;
