"""Extensions of the query builder: the only place that uses pypika and private parts of Tortoise."""
