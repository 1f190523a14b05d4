-- name: raise_drained(partitions, ms, seqs, epochs)!
-- How far drains are saved; it only goes forward.
INSERT INTO drained AS known (partition, ms, seq, epoch)
SELECT * FROM unnest(:partitions::integer[], :ms::bigint[], :seqs::bigint[], :epochs::bigint[])
ON CONFLICT (partition) DO UPDATE
SET ms = CASE WHEN (excluded.ms, excluded.seq) > (known.ms, known.seq)
              THEN excluded.ms ELSE known.ms END,
    seq = CASE WHEN (excluded.ms, excluded.seq) > (known.ms, known.seq)
               THEN excluded.seq ELSE known.seq END,
    epoch = greatest(known.epoch, excluded.epoch);

-- name: make_drained(partitions)!
-- Nothing is saved of these partitions, as far as we know.
INSERT INTO drained (partition, ms, seq, epoch)
SELECT partition, 0, 0, 0 FROM unnest(:partitions::integer[]) AS asked (partition)
ON CONFLICT (partition) DO NOTHING;

-- name: lock_drained(partitions)
-- The order keeps two who lock several from waiting for each other.
SELECT partition, reign FROM drained WHERE partition = ANY(:partitions)
ORDER BY partition FOR UPDATE;

-- name: begin_reigns(partitions, epochs)
-- A Redis that has an epoch takes a partition over; several who see the same begin the same.
UPDATE drained AS known
SET reign = CASE WHEN known.reign > asked.epoch THEN known.reign
                 ELSE greatest(asked.epoch + 1, known.epoch + 1,
                               (extract(epoch FROM clock_timestamp()) * 1000)::bigint) END
FROM unnest(:partitions::integer[], :epochs::bigint[]) AS asked (partition, epoch)
WHERE known.partition = asked.partition
RETURNING known.partition, known.ms, known.seq, known.epoch, known.reign;
