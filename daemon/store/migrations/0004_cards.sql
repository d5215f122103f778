-- What a CARD says of a person whatever number they call from, rendered and kept, so that a pop reads one row instead of
-- a dozen. A row is dropped by whatever changes what it says: here, so that no statement can forget it. It is made
-- again by service/registry_keep.c; until then the card is read from the tables themselves, which is slower.
CREATE TABLE card (
    person_id INTEGER PRIMARY KEY REFERENCES person(id),
    from_on INTEGER NOT NULL, to_on INTEGER NOT NULL,  -- the days on which it is true: tenures end
    name TEXT NOT NULL, role INTEGER NOT NULL,         -- role, unit, more: of the best tenure, for the reason
    unit TEXT NOT NULL, more INTEGER NOT NULL,
    held INTEGER NOT NULL,                             -- 1: has a current tenure, or never had any
    score INTEGER,
    building_id INTEGER,                               -- of the first current home: its steward is the card's
    buildings INTEGER NOT NULL,                        -- how many buildings the current homes are in
    places TEXT NOT NULL,                              -- current homes: "estate,building,riser;"
    head TEXT NOT NULL, body TEXT NOT NULL, consent TEXT NOT NULL, tail TEXT NOT NULL) STRICT;

DROP INDEX phone_e164;
CREATE INDEX phone_e164 ON phone (e164, person_id, label);  -- with all that a pop asks of the table

CREATE TRIGGER card_tenure_new AFTER INSERT ON tenure BEGIN
    DELETE FROM card WHERE person_id IN (SELECT person_id FROM tenure WHERE unit_id = NEW.unit_id);
END;
CREATE TRIGGER card_tenure_gone AFTER DELETE ON tenure BEGIN
    DELETE FROM card WHERE person_id = OLD.person_id;
    DELETE FROM card WHERE person_id IN (SELECT person_id FROM tenure WHERE unit_id = OLD.unit_id);
END;
CREATE TRIGGER card_tenure_changed AFTER UPDATE ON tenure BEGIN
    DELETE FROM card WHERE person_id = OLD.person_id;
    DELETE FROM card WHERE person_id IN (SELECT person_id FROM tenure WHERE unit_id IN (OLD.unit_id, NEW.unit_id));
END;
CREATE TRIGGER card_vehicle_new AFTER INSERT ON vehicle BEGIN
    DELETE FROM card WHERE person_id = NEW.person_id;
END;
CREATE TRIGGER card_vehicle_gone AFTER DELETE ON vehicle BEGIN
    DELETE FROM card WHERE person_id = OLD.person_id;
END;
CREATE TRIGGER card_vehicle_changed AFTER UPDATE ON vehicle BEGIN
    DELETE FROM card WHERE person_id IN (OLD.person_id, NEW.person_id);
END;
CREATE TRIGGER card_person_changed AFTER UPDATE OF name, language, segment, flags, tier, tier_since, consent_sms, consent_email,
    consent_call, consent_marketing, score, score_at ON person BEGIN
    DELETE FROM card WHERE person_id = NEW.id;
END;
CREATE TRIGGER card_name_changed AFTER UPDATE OF name ON person WHEN OLD.name <> NEW.name BEGIN
    DELETE FROM card WHERE person_id IN (SELECT o.person_id FROM tenure t JOIN tenure o ON o.unit_id = t.unit_id
        WHERE t.person_id = NEW.id);
END;
CREATE TRIGGER card_unit_changed AFTER UPDATE OF name, building_id ON unit BEGIN
    DELETE FROM card WHERE person_id IN (SELECT person_id FROM tenure WHERE unit_id = NEW.id);
END;
CREATE TRIGGER card_building_changed AFTER UPDATE OF name, estate_id ON building BEGIN
    DELETE FROM card WHERE person_id IN (SELECT t.person_id FROM unit u JOIN tenure t ON t.unit_id = u.id
        WHERE u.building_id = NEW.id);
END;
CREATE TRIGGER card_estate_changed AFTER UPDATE OF name ON estate BEGIN
    DELETE FROM card WHERE person_id IN (SELECT t.person_id FROM building b JOIN unit u ON u.building_id = b.id
        JOIN tenure t ON t.unit_id = u.id WHERE b.estate_id = NEW.id);
END;
