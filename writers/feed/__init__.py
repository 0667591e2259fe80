"""What a venue would publish: the ``orders`` table as displayed orders, executions and crosses. All order-by-order formats start here."""
