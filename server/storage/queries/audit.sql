-- name: note_deed(actor_id, actor_name, action, target_id, target_name, details, address)!
-- One more line of the audit log, in the transaction of what it tells.
INSERT INTO audit (actor_id, actor_name, action, target_id, target_name, details, address)
VALUES (:actor_id, :actor_name, :action, :target_id, :target_name, :details, :address);

-- name: audit_before(before, actor, action, target, since, until, limit)
-- Lines older than one of them, the newest first; an empty filter takes all.
SELECT * FROM audit
WHERE id < :before::bigint
  AND (:actor::text = '' OR actor_id = :actor OR actor_name = :actor)
  AND (:action::text = '' OR action = :action)
  AND (:target::text = '' OR target_id = :target OR target_name = :target)
  AND at >= :since::bigint AND at < :until::bigint
ORDER BY id DESC
LIMIT :limit;
