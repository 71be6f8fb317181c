-- Mails with attachments, queued by whoever decides that a message is to be sent.
--
-- An attachment is a file of the file store, named with the size it must have: what is sent is what was decided, or
-- nothing is. The file is read when the message is sent, not when it is queued.

CREATE TABLE delivery_attachment (
    tenant_id    bigint NOT NULL,
    delivery_id  bigint NOT NULL,
    position     integer NOT NULL CHECK (position BETWEEN 1 AND 20),
    file_name    text NOT NULL CHECK (octet_length(file_name) BETWEEN 1 AND 200 AND file_name !~ '[[:cntrl:]/\\]'),
    content_type text NOT NULL CHECK (content_type ~ '^[ -~]+/[ -~]+$' AND octet_length(content_type) <= 100),
    file_key     text NOT NULL COLLATE "C" CHECK (octet_length(file_key) BETWEEN 1 AND 900),
    size_bytes   bigint NOT NULL CHECK (size_bytes BETWEEN 0 AND 26214400),
    PRIMARY KEY (tenant_id, delivery_id, position),
    FOREIGN KEY (tenant_id, delivery_id) REFERENCES delivery (tenant_id, delivery_id)
);
ALTER TABLE delivery_attachment ENABLE ROW LEVEL SECURITY;
ALTER TABLE delivery_attachment FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON delivery_attachment USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
-- Never changed; forgotten with its delivery.
GRANT SELECT, INSERT, DELETE ON delivery_attachment TO carryall_app;

-- Called inside the transaction that decides to mail, as emit_event is. `attachments` is an array of objects with
-- file_name, content_type, file_key and size_bytes; together at most 25 MiB, for larger files mail a link. The same
-- address for the same event again is the same mail: it is not queued twice, and its delivery is returned.
CREATE FUNCTION queue_mail(tenant bigint, event bigint, address text, subject text, text_body text, html_body text,
    attachments jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    made bigint;
    attached bigint;
BEGIN
    INSERT INTO delivery AS d (tenant_id, event_id, address, subject, text_body, html_body)
    VALUES (tenant, event, queue_mail.address, queue_mail.subject, queue_mail.text_body, queue_mail.html_body)
    ON CONFLICT DO NOTHING RETURNING d.delivery_id INTO made;
    IF made IS NULL THEN
        RETURN (SELECT d.delivery_id FROM delivery d WHERE d.tenant_id = tenant AND d.event_id = event
                    AND d.address = queue_mail.address);
    END IF;
    INSERT INTO delivery_attachment (tenant_id, delivery_id, position, file_name, content_type, file_key, size_bytes)
    SELECT tenant, made, place, one ->> 'file_name', one ->> 'content_type', one ->> 'file_key',
           (one ->> 'size_bytes')::bigint
    FROM jsonb_array_elements(coalesce(attachments, '[]')) WITH ORDINALITY AS given (one, place);
    SELECT sum(size_bytes) INTO attached FROM delivery_attachment WHERE tenant_id = tenant AND delivery_id = made;
    IF attached > 26214400 THEN
        RAISE 'the attachments of a mail have % bytes, more than the 26214400 allowed; mail a link', attached
            USING ERRCODE = 'check_violation';
    END IF;
    PERFORM pg_notify('carryall_event', tenant::text);
    RETURN made;
END $$;
