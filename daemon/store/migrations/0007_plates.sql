-- One form of writing for plates (domain/plate.h): no dots, blanks, hyphens, upper case. Of several spellings of one car
-- of one person the first row stays.
CREATE TABLE plate_form (id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL, plate TEXT NOT NULL) STRICT;
INSERT INTO plate_form (id, person_id, plate)
    SELECT id, person_id, upper(replace(replace(replace(replace(replace(replace(replace(replace(replace(plate,
        ' ', ''), '-', ''), '.', ''), '_', ''), '·', ''), '•', ''), '・', ''), '　', ''), '‧', '')) FROM vehicle;
DELETE FROM vehicle WHERE id NOT IN (SELECT min(id) FROM plate_form GROUP BY person_id, plate);
UPDATE vehicle SET plate = (SELECT f.plate FROM plate_form f WHERE f.id = vehicle.id)
    WHERE plate <> (SELECT f.plate FROM plate_form f WHERE f.id = vehicle.id);
DROP TABLE plate_form;
