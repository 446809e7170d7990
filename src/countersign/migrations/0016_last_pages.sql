-- A passage may begin on one page and end on another.

ALTER TABLE document_chunks ADD COLUMN last_page integer;
COMMENT ON COLUMN document_chunks.last_page IS 'The page on which the passage ends, where that is not the one on which it begins.';
