-- Scores are kept in memory until they are computed anew.
INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
VALUES ('civic_performance_scores', 'tenant_id', 'area_id, metric_type, period', '');
