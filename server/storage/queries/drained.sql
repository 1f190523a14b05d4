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

-- name: all_drained()
-- How far the drain of each partition is saved.
SELECT partition, ms, seq, epoch FROM drained;
