-- Every table of a tenant has the tenant in its foreign keys, so that no row can refer to another tenant's.
CREATE TABLE catalog_authors (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  email TEXT CHECK (length(email) <= 320),
  status TEXT NOT NULL DEFAULT 'active' CHECK (status = 'active' OR status = 'inactive' OR status = 'archived'),
  created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
  updated_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
  UNIQUE (tenant_id, id)
) STRICT;
CREATE UNIQUE INDEX catalog_authors_name ON catalog_authors (tenant_id, name);
CREATE UNIQUE INDEX catalog_authors_email ON catalog_authors (tenant_id, email);
CREATE INDEX catalog_authors_status ON catalog_authors (tenant_id, status, id);
CREATE INDEX catalog_authors_created ON catalog_authors (tenant_id, created_at, id);
CREATE INDEX catalog_authors_updated ON catalog_authors (tenant_id, updated_at, id);

CREATE TABLE catalog_books (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id INTEGER NOT NULL,
  author_id INTEGER NOT NULL,
  title TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 300),
  isbn TEXT CHECK (length(isbn) <= 20),
  published_on TEXT,
  created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
  UNIQUE (tenant_id, id),
  FOREIGN KEY (tenant_id, author_id) REFERENCES catalog_authors (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX catalog_books_isbn ON catalog_books (tenant_id, isbn);
CREATE INDEX catalog_books_author ON catalog_books (tenant_id, author_id, id);
CREATE INDEX catalog_books_title ON catalog_books (tenant_id, title, id);
CREATE INDEX catalog_books_created ON catalog_books (tenant_id, created_at, id);

-- The author stands here too, because authors are read with their reviews.
CREATE TABLE catalog_reviews (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id INTEGER NOT NULL,
  author_id INTEGER NOT NULL,
  book_id INTEGER,
  reviewer_id TEXT NOT NULL CHECK (length(reviewer_id) BETWEEN 1 AND 255),
  rating INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
  body TEXT NOT NULL DEFAULT '' CHECK (length(body) <= 10000),
  created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
  UNIQUE (tenant_id, id),
  FOREIGN KEY (tenant_id, author_id) REFERENCES catalog_authors (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, book_id) REFERENCES catalog_books (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX catalog_reviews_author ON catalog_reviews (tenant_id, author_id, id);
CREATE INDEX catalog_reviews_book ON catalog_reviews (tenant_id, book_id, id);
CREATE INDEX catalog_reviews_rating ON catalog_reviews (tenant_id, rating, id);
CREATE INDEX catalog_reviews_created ON catalog_reviews (tenant_id, created_at, id);

CREATE TABLE catalog_messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  channel TEXT NOT NULL DEFAULT 'general' CHECK (length(channel) BETWEEN 1 AND 100),
  sender_id TEXT NOT NULL,
  sender_name TEXT NOT NULL,
  body TEXT NOT NULL CHECK (length(body) BETWEEN 1 AND 4000),
  created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
  UNIQUE (tenant_id, id)
) STRICT;
CREATE INDEX catalog_messages_channel ON catalog_messages (tenant_id, channel, id);

CREATE TABLE catalog_profiles (
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  user_id TEXT NOT NULL,
  display_name TEXT,
  email TEXT,
  preferences TEXT NOT NULL DEFAULT '{}',
  updated_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
  PRIMARY KEY (tenant_id, user_id)
) STRICT;

-- The audit log. Whoever is not known belongs to no tenant.
CREATE TABLE catalog_user_actions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id INTEGER,
  timestamp INTEGER NOT NULL,
  user_id TEXT NOT NULL,
  username TEXT NOT NULL,
  user_roles TEXT NOT NULL DEFAULT '[]',
  action_type TEXT NOT NULL,
  resource TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome = 'success' OR outcome = 'error' OR outcome = 'permission_denied'),
  ip_address TEXT,
  user_agent TEXT,
  request_id TEXT,
  request_data TEXT,
  response_status INTEGER,
  error_message TEXT,
  duration_ms INTEGER
) STRICT;
CREATE INDEX catalog_user_actions_newest ON catalog_user_actions (tenant_id, timestamp, id);
CREATE INDEX catalog_user_actions_user ON catalog_user_actions (tenant_id, user_id, timestamp);
CREATE INDEX catalog_user_actions_user_action ON catalog_user_actions (tenant_id, user_id, action_type);
CREATE INDEX catalog_user_actions_username ON catalog_user_actions (tenant_id, username);
CREATE INDEX catalog_user_actions_action ON catalog_user_actions (tenant_id, action_type);
CREATE INDEX catalog_user_actions_outcome ON catalog_user_actions (tenant_id, outcome);
CREATE INDEX catalog_user_actions_request ON catalog_user_actions (request_id);
CREATE INDEX catalog_user_actions_time ON catalog_user_actions (timestamp);

-- Lists, single rows, relations and counts are kept in memory until one of these rows changes.
INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
VALUES ('catalog_authors', 'tenant_id', 'id', ''),
  ('catalog_books', 'tenant_id', 'id', 'author_id'),
  ('catalog_reviews', 'tenant_id', 'id', 'author_id, book_id'),
  ('catalog_profiles', 'tenant_id', 'user_id', '');
