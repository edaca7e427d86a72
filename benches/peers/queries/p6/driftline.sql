SELECT window_start AS hour, feature, psi
FROM drift_over_time('predictions', window => INTERVAL '1 hour', baseline => 'first_days',
                     from => '2026-01-01', to => '2026-01-08')
WHERE feature IN ('amount', 'age', 'tenure', 'credit', 'velocity', 'distance', 'ratio', 'embedding_norm')
