"""Extensions of the ORM's query builder. No other room uses pypika, or what the ORM does not document of models and query sets."""
