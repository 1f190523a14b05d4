"""Messages are found by their words.

One index holds the stems of Russian and English words, without stop words, so that "the who"
is found too. Scripts that put no space between words (Chinese, Japanese, Korean, Thai) are
indexed letter by letter, and what is asked in them is a phrase of letters: a substring.

It does not use pg_trgm, which knows no letters but ASCII where the database was made with
``LC_CTYPE`` C, and costs three times as much for each message.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

NO_SPACES = r"[\u0E00-\u0EFF\u2E80-\uD7FF\uF900-\uFAFF\U00020000-\U0003FFFF]"
"""Letters of scripts without spaces between words, as PostgreSQL's regular expressions say it."""

STATEMENTS = (
    "CREATE TEXT SEARCH DICTIONARY beseda_russian (TEMPLATE = snowball, LANGUAGE = russian)",
    "CREATE TEXT SEARCH DICTIONARY beseda_english (TEMPLATE = snowball, LANGUAGE = english)",
    'CREATE TEXT SEARCH CONFIGURATION beseda (PARSER = "default")',
    "ALTER TEXT SEARCH CONFIGURATION beseda ADD MAPPING FOR asciiword WITH beseda_english",
    "ALTER TEXT SEARCH CONFIGURATION beseda ADD MAPPING FOR word WITH beseda_russian",
    """
    ALTER TEXT SEARCH CONFIGURATION beseda
    ADD MAPPING FOR numword, int, uint, float, version WITH simple
    """,
    # What is no letter or digit parts words: "file.txt" is found by both halves. The collation
    # makes it the same whatever locale the database was made with.
    rf"""
    CREATE FUNCTION search_text(text text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN CASE WHEN text COLLATE pg_c_utf8 ~ '{NO_SPACES}'
        THEN regexp_replace(regexp_replace(
            translate(lower(text COLLATE pg_c_utf8), 'ё', 'е'), '[^[:alnum:]]+', ' ', 'g'
        ), '({NO_SPACES})', ' \1 ', 'g')
        ELSE regexp_replace(
            translate(lower(text COLLATE pg_c_utf8), 'ё', 'е'), '[^[:alnum:]]+', ' ', 'g'
        )
    END
    """,
    """
    CREATE FUNCTION search_words(text text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN to_tsvector('beseda'::regconfig, search_text(text))
    """,
    # PostgreSQL writes the words of a phrase quoted: whatever somebody typed stays a word.
    """
    CREATE FUNCTION search_query(terms text[], wholes boolean[]) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN (
        SELECT string_agg('(' || words || CASE WHEN whole THEN ')' ELSE ':*)' END, ' & ')::tsquery
        FROM (
            SELECT phraseto_tsquery('beseda'::regconfig, search_text(term))::text AS words, whole
            FROM unnest(terms, wholes) AS given (term, whole)
        ) AS asked
        WHERE words <> ''
    )
    """,
    "COMMENT ON FUNCTION search_query IS 'terms are beginnings of words, or whole words'",
    # Entries wait in a list, and thousands of them go into the index at once.
    """
    CREATE INDEX messages_words ON messages USING gin (search_words(text))
    WITH (fastupdate = on, gin_pending_list_limit = 16384)
    WHERE kind IN ('m', 'e')
    """,
)


def upgrade() -> None:
    """Make the index; the writer waits for as long as that takes."""
    for statement in STATEMENTS:
        op.execute(statement)
